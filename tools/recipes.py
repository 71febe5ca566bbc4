"""How make builds each file, and which object files a source is part of. For tools that change a
source and build again only what the change reaches (mutants.py, planted.py)."""

import os
import shlex
import subprocess


class Recipes:
    """`how`: the words of the command that makes a file; `users`: the files that a source or a
    header is compiled into. All names are relative to `folder`, which is built."""

    def __init__(self, folder, variables, targets):
        done = subprocess.run(["make", *variables, "--no-print-directory", "-nB", "V=1", *targets],
                              cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=True)
        self.how, self.users = {}, {}
        for line in done.stdout.replace("\\\n", " ").splitlines():
            if " -o " in line and not line.startswith("printf"):
                words = shlex.split(line)
                self.how[words[words.index("-o") + 1]] = words
        for target in self.how:
            notes = (folder / target).with_suffix(".d")
            if target.endswith(".o") and notes.exists():
                for word in notes.read_text().replace("\\\n", " ").split()[1:]:
                    if not word.endswith(":"):
                        self.users.setdefault(os.path.normpath(word), set()).add(target)

    def objects(self, name):
        return sorted(self.users.get(name, ()))

    def command(self, target, out, replaced=None):
        """The command that makes `out` in place of `target`; an input may be replaced by another."""
        words = [(replaced or {}).get(word, word).replace(target, out) for word in self.how[target]]
        if "-MF" in words:
            words[words.index("-MF") + 1] = out + ".d"
        return words
