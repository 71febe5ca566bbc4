"""What was found reaches the person: JUnit, JSON, annotations and the end of the terminal's output."""

import json
import os
import re
import xml.etree.ElementTree

from conftest import BUILD, command, drywire

GOOD = ("title A good one\nworld native\nserve http 10.0.2.2:80 path=/ body=\"x\"\n"
        "run webget http://10.0.2.2/\nexpect webget: done status=200\n")
BAD = GOOD.replace("A good", "A bad") + "expect webget: done status=500 by 1s\n"


def unescaped(text, of_property=False):
    """As the runner of GitHub does it (actions/runner, ActionCommand)."""
    table = [("%0D", "\r"), ("%0A", "\n")] + [("%3A", ":"), ("%2C", ",")] * of_property + [("%25", "%")]
    for code, character in table:
        text = text.replace(code, character)
    return text


def three(folder):
    (folder / "a-unreadable.scn").write_text("title t\nwrold native\n")
    (folder / "b-fails.scn").write_text(BAD)
    (folder / "c-passes.scn").write_text(GOOD)


def test_one_file_that_cannot_be_read_among_many_and_everything_reports_it(tmp_path):
    three(tmp_path)
    done = drywire("run", "--junit", "r.xml", "--annotate=github", ".", cwd=tmp_path)
    assert done.returncode == 2
    message = "./a-unreadable.scn:2: unknown word 'wrold', did you mean 'world'?"
    assert done.stderr.splitlines()[0] == message
    assert done.stdout.splitlines()[-3:] == [
        "1 passed, 1 failed, 0 skipped, 1 could not be read",
        "unreadable: ./a-unreadable.scn", "failed: ./b-fails.scn"]
    suite = xml.etree.ElementTree.parse(tmp_path / "r.xml").getroot()
    assert [suite.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    cases = {c.get("name"): c for c in suite}
    assert cases["./a-unreadable.scn"].find("error").get("message") == message
    assert cases["./a-unreadable.scn"].get("line") == "2"
    failed = cases["./b-fails.scn"]
    assert (failed.get("file"), failed.get("line")) == ("./b-fails.scn", "6")
    assert failed.find(".//property[@name='title']").get("value") == "A bad one"
    block = failed.find("failure").text
    assert re.findall(r"^(\w+):", block, re.M) == ["what", "where", "when", "diverged", "frames",
                                                   "replay", "wireshark", "bisect"]
    assert block in done.stdout
    assert abs(float(suite.get("time")) - sum(float(c.get("time")) for c in suite)) < 1e-5
    notes = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    assert len(notes) == 2 and notes[0].endswith(f"::{message}")
    assert notes[0].startswith("::error file=./a-unreadable.scn,line=2,")


def test_json_has_an_object_for_what_cannot_be_read(tmp_path):
    three(tmp_path)
    done = drywire("run", "--json", ".", tmp_path / "nowhere.scn", cwd=tmp_path)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert [r["verdict"] for r in results] == ["error", "fail", "pass", "error"]
    assert "wrold" in results[0]["message"] and "No such file" in results[3]["message"]


def test_messages_are_escaped_as_the_runner_unescapes(tmp_path):
    folder = tmp_path / "50%, or: so"
    folder.mkdir()
    path = folder / "x.scn"
    path.write_text(BAD)
    done = drywire("run", "--annotate=github", path)
    note = next(line for line in done.stderr.splitlines() if line.startswith("::error "))
    head, _, message = note[len("::error "):].partition("::")
    properties = dict(p.split("=", 1) for p in head.split(","))
    assert unescaped(properties["file"], True) == str(path)
    assert "%3A" not in message and "webget: done status=500" in unescaped(message)


def test_junit_is_valid_for_any_path(tmp_path):
    names = [b"\xff\xfe.scn", b"\x01\x1b[31m.scn", b"<&\">'.scn", "ü€😀.scn".encode(), b"a\nb.scn",
             b"\xef\xbf\xbf.scn", b"\xed\xa0\x80.scn"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "w") as f:
            f.write(BAD)
    done = drywire("run", "--junit", "r.xml", ".", cwd=tmp_path)
    assert done.returncode == 1
    suite = xml.etree.ElementTree.fromstring((tmp_path / "r.xml").read_bytes())
    assert suite.get("failures") == str(len(names)) == str(len(suite.findall(".//failure")))
    seen = {c.get("name") for c in suite}
    assert {"./ü€😀.scn", "./<&\">'.scn", "./a\nb.scn", "./\ufffd\ufffd.scn"} <= seen


def test_junit_has_one_case_for_the_seeds_of_a_file(tmp_path):
    (tmp_path / "a.scn").write_text(GOOD)
    (tmp_path / "b.scn").write_text(BAD)
    done = drywire("run", "--seeds", "5..9", "--junit", "r.xml", ".", cwd=tmp_path)
    assert done.returncode == 1
    suite = xml.etree.ElementTree.parse(tmp_path / "r.xml").getroot()
    assert [suite.get(k) for k in ("tests", "failures")] == ["2", "1"]
    seeds = [c.find(".//property[@name='seeds']").get("value") for c in suite]
    assert seeds == ["5..9: 5 runs, 0 failed", "5..9: 5 runs, 5 failed, first seed=5"]
    assert suite[1].find(".//property[@name='replay']").get("value").endswith("./b.scn --seed 5")
    assert suite[1].find("failure").text in done.stdout and "what:" in suite[1].find("failure").text
