"""Benchmarks of the kit beside other libraries, on the same work in the same run.

    python -m tools.bench --install-peers
    python -m tools.bench all
    python -m tools.bench pretraining inference --cores 1 --rounds 9
    python -m tools.bench all --smoke

A benchmark is a module here with `TITLE`, `UNIT`, `cases(smoke)` and `SIDES`: a function for each
library, which takes the settings of a case, makes everything ready, and returns what does the work
once and tells how much it was. Every side is a process of its own (`worker.py`), all of a case are
there at once, and they take turns, stopped in between (`harness.py`): other work on the machine
weighs on all alike.
"""
