"""From files, archives and pipes to labelled reviews."""
