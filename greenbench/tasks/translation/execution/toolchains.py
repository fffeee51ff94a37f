"""The languages that programs are run in: commands, limits, and what has to be installed.

The commands follow Pan et al., "Lost in Translation" (ICSE 2024): javac, gcc, g++, go build and a
syntax check for Python; C# and JavaScript are not in the paper. More generous than the paper: C++
is C++17 (there C++11) and C is C17, and a program that is no such program is compiled by a newer
or an older standard; C and C++ are optimised, and C is linked with the mathematical library.
Python is the interpreter greenbench runs on, with its standard library, NumPy and SciPy, as sites
of contests have it. A translation that needs any other package does not run, nor does one that
needs a module that this Python no longer has.

The paper gives each test 100 s of wall clock; here a program gets 10 s of processor time, or 15 s
in a virtual machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data.program_tests import Calls, Checks, Streams
from greenbench.sandbox import Limits

if TYPE_CHECKING:
    from greenbench.data.program_tests import Tests

SOURCES, ENTRY, LIBRARY, STANDARD = "{sources}", "{entry}", "{library}", "{standard}"
"""Placeholders in commands: names of the source files, the class to run, the packages' folder, and
the option that chooses the standard of the language."""
MADE = "made"
"""Folder that a compiler writes to."""

PYTHON = str(Path(sys.executable).resolve())
"""The interpreter itself, not a virtual environment's link: nothing installed there is needed."""
ISOLATED_PYTHON = (PYTHON, "-I", "-S", "-B")
_RUN_PYTHON = """\
import os, runpy, site, sys
sys.set_int_max_str_digits(0)
site.setquit()
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.append(sys.argv[1])
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""As if the file itself were run, with the ``exit`` and ``quit`` that -S leaves out.

Integers of any length may be read and printed, as in other languages. Python's limit of 4,300
digits protects servers; here the processor time is limited.
NumPy's library of linear algebra would start a thread for each processor, and reserve memory for
each.
"""
_CHECK_PYTHON = """\
import sys
sys.set_int_max_str_digits(0)
with open(sys.argv[1], "rb") as file:
    compile(file.read(), sys.argv[1], "exec", dont_inherit=True)
"""

RUN = Limits(
    cpu_seconds=10,
    wall_seconds=20,
    memory_bytes=1 << 30,
    output_bytes=1 << 20,
    file_bytes=32 << 20,
    scratch_bytes=128 << 20,
)
"""Output is far above what tests expect.

Files may be as large as what a compiler makes, which is unpacked under this limit.
"""
COMPILE = replace(
    RUN,
    cpu_seconds=30,
    wall_seconds=60,
    output_bytes=32 << 20,
    processes=64,
    open_files=256,
    scratch_bytes=256 << 20,
)
"""A compiler starts others, keeps intermediate files, and returns what it made as its output."""
RUN_MACHINE = replace(RUN, cpu_seconds=15, wall_seconds=30, memory_bytes=None, processes=128)
"""A virtual machine reserves address space, has some thirty threads, and compiles as it runs."""
COMPILE_MACHINE = replace(COMPILE, memory_bytes=None, processes=128)
"""A compiler that runs in a virtual machine."""

_C_CHECKS = ("-Wl,--wrap=main",)
"""The linker lets another function run before and after the program's main."""
_JAVA = ("-Xmx256m", "-Xss64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_JAVAC = (
    "javac",
    "-J-Xmx512m",
    "-J-Xss16m",
    "-J-XX:+UseSerialGC",
    "-J-XX:TieredStopAtLevel=1",
    "-J-XX:-UsePerfData",
)
_GO = ("env", "CGO_ENABLED=0", "GO111MODULE=off", "GOFLAGS=", "GOMAXPROCS=2", "go")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """How programs in one language are compiled and run."""

    file: str
    """Name of the file that holds a program; Java's is another if it has a public type."""
    compile: tuple[str, ...]
    """Compiles into MADE, or, if nothing is made, only checks a program's syntax."""
    compile_checks: tuple[str, ...] = ()
    """The same for programs that hold their own checks; ``compile`` if empty."""
    standards: tuple[str, ...] = ()
    """Standards of the language as the compiler's options, tried in order until one fits."""
    run: tuple[str, ...]
    makes: bool = True
    """Whether the compiler makes something that is run in the source's place."""
    packages: tuple[str, ...] = ()
    """Folders beside NumPy's own that a program may import, or that those need; nothing else that
    is installed there."""
    compile_limits: Limits = COMPILE
    run_limits: Limits = RUN
    tools: tuple[str, ...]
    """Executables that are looked for on PATH."""
    install: str
    probe: str
    """A right program, which prints 1."""
    kinds: tuple[type[Tests], ...] = (Streams, Checks)
    """Kinds of tests that programs in it can be run on."""


TOOLCHAINS: dict[str, Toolchain] = {
    "python": Toolchain(
        file="Main.py",
        compile=(*ISOLATED_PYTHON, "-c", _CHECK_PYTHON, SOURCES),
        run=(*ISOLATED_PYTHON, "-c", _RUN_PYTHON, LIBRARY, SOURCES),
        makes=False,
        packages=("numpy", "numpy.libs", "scipy", "scipy.libs"),
        tools=(),
        install="",
        probe="print(1)\n",
        kinds=(Calls, Streams, Checks),
    ),
    "java": Toolchain(
        file="Main.java",
        compile=(*_JAVAC, "-proc:none", "-nowarn", "-encoding", "UTF-8", "-d", MADE, SOURCES),
        run=("java", *_JAVA, "-cp", MADE, ENTRY),
        compile_limits=COMPILE_MACHINE,
        run_limits=RUN_MACHINE,
        tools=("javac", "java"),
        install=(
            "a JDK of at least version 11 (for example Debian's openjdk-17-jdk-headless) would run "
            "the translations"
        ),
        probe="class Main { public static void main(String[] given) { System.out.println(1); } }\n",
        kinds=(Calls, Streams, Checks),
    ),
    "c": Toolchain(
        file="Main.c",
        compile=("gcc", "-O2", STANDARD, "-o", f"{MADE}/program", SOURCES, "-lm"),
        compile_checks=(
            "gcc",
            "-O2",
            STANDARD,
            *_C_CHECKS,
            "-o",
            f"{MADE}/program",
            SOURCES,
            "-lm",
        ),
        standards=("-std=gnu17", "-std=gnu89"),
        run=(f"{MADE}/program",),
        tools=("gcc",),
        install="Debian's packages gcc and libc6-dev would compile the translations",
        probe='#include <stdio.h>\nint main(void) { puts("1"); return 0; }\n',
    ),
    "cpp": Toolchain(
        file="Main.cpp",
        compile=("g++", "-O2", STANDARD, "-o", f"{MADE}/program", SOURCES),
        compile_checks=("g++", "-O2", STANDARD, *_C_CHECKS, "-o", f"{MADE}/program", SOURCES),
        standards=("-std=gnu++17", "-std=gnu++20", "-std=gnu++11"),
        run=(f"{MADE}/program",),
        tools=("g++",),
        install="Debian's package g++ would compile the translations",
        probe="#include <iostream>\nint main() { std::cout << 1 << std::endl; }\n",
    ),
    "cs": Toolchain(
        file="Main.cs",
        compile=("mcs", "-optimize+", f"-out:{MADE}/program.exe", SOURCES),
        run=("env", "MONO_GC_PARAMS=max-heap-size=256m", "mono", f"{MADE}/program.exe"),
        compile_limits=COMPILE_MACHINE,
        run_limits=RUN_MACHINE,
        tools=("mcs", "mono"),
        install="Debian's packages mono-mcs and mono-runtime would run the translations",
        probe="class Program { static void Main() { System.Console.WriteLine(1); } }\n",
        kinds=(Streams,),
    ),
    "go": Toolchain(
        file="Main.go",
        compile=(*_GO, "build", "-ldflags=-s -w", "-o", f"{MADE}/program", SOURCES),
        compile_checks=(
            *_GO,
            "test",
            "-c",
            "-vet=off",
            "-ldflags=-s -w",
            "-o",
            f"{MADE}/program",
            SOURCES,
        ),
        run=("env", "GOMEMLIMIT=256MiB", "GOMAXPROCS=2", f"{MADE}/program"),
        compile_limits=COMPILE_MACHINE,
        run_limits=replace(
            RUN, processes=128
        ),  # a thread for each processor and for each call that waits
        tools=("go",),
        install="Debian's package golang-go would compile the translations",
        probe='package main\nimport "fmt"\nfunc main() { fmt.Println(1) }\n',
    ),
    "javascript": Toolchain(
        file="Main.js",
        compile=("node", "--check", SOURCES),
        run=("node", "--max-old-space-size=256", SOURCES),
        makes=False,
        compile_limits=COMPILE_MACHINE,
        run_limits=RUN_MACHINE,
        tools=("node",),
        install="Node.js (Debian's package nodejs) would run the translations",
        probe="console.log(1)\n",
    ),
}
"""Languages, named as in ``--green-direction``."""
