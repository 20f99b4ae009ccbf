"""What the scripts share: settings, the account, dry runs, errors, waiting, storage, prices."""
