"""What to think of a name that a pickle imports.

A list of what is dangerous can never be whole, so a name is trusted only where it belongs to a library that models are
usually made of; all others are told as unknown.
"""

from __future__ import annotations

KNOWN, UNKNOWN, DANGEROUS = "known", "unknown", "dangerous"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules that run programs, read files, reach the network, or give access to such.
_DANGEROUS = _words("""
    os posix nt subprocess sys socket shutil runpy importlib ctypes _ctypes pty asyncio multiprocessing threading
    webbrowser urllib http ftplib smtplib requests httpx aiohttp code codeop pdb bdb timeit cProfile profile doctest pip
    ensurepip venv commands popen2 signal marshal types inspect gc operator _operator functools _functools pickle
    _pickle dill cloudpickle shelve io _io pathlib tempfile glob zipfile tarfile sqlite3 builtins __builtin__ test
    unittest idlelib lib2to3 pydoc trace logging
""")
#: The same within libraries that are known.
_DANGEROUS_PARTS = _words("""
    torch.hub torch.jit torch._dynamo torch._inductor torch.utils.cpp_extension torch.package torch.load
    torch.serialization torch.utils._config_module numpy.testing numpy.f2py numpy.distutils numpy.load numpy.memmap
    numpy.fromfile numpy.savetxt joblib.load joblib.externals joblib.parallel pandas.read_pickle pandas.eval pandas.io
    scipy.io transformers.pipelines sklearn.utils._testing
""")
#: Of dangerous modules: what builds plain values, and nothing else.
_HARMLESS = _words("""
    builtins.object builtins.set builtins.frozenset builtins.bytearray builtins.bytes builtins.complex builtins.dict
    builtins.list builtins.tuple builtins.int builtins.float builtins.bool builtins.str builtins.slice builtins.range
    __builtin__.object __builtin__.set __builtin__.frozenset __builtin__.bytearray __builtin__.dict __builtin__.list
    __builtin__.tuple __builtin__.complex __builtin__.slice pathlib.Path pathlib.PurePath pathlib.PosixPath
    pathlib.PurePosixPath pathlib._local.PosixPath types.SimpleNamespace operator.itemgetter
""")
#: What models are usually made of.
_LIBRARIES = _words("""
    numpy torch torchvision sklearn scipy pandas xgboost lightgbm catboost joblib collections copyreg copy_reg datetime
    decimal fractions uuid _codecs array tensorflow keras transformers safetensors onnx spacy gensim statsmodels
    networkx polars pyarrow jax flax sentencepiece tokenizers diffusers
""")


def judge(name: str) -> str:
    """Say what to think of an import: `KNOWN`, a part of a usual library; `UNKNOWN`; or `DANGEROUS`."""
    if name in _HARMLESS:
        return KNOWN
    top = name.partition(".")[0]
    if top in _DANGEROUS or any(name == part or name.startswith(f"{part}.") for part in _DANGEROUS_PARTS):
        return DANGEROUS
    return KNOWN if top in _LIBRARIES else UNKNOWN
