"""What strangers choose the names of stays text: nothing of it runs, and none of it answers for a job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from forge.conftest import Begin, Train
from forge.forged import GREEN, ROLLBACK, ForgedProject, stages
from forge.story import Story
from living import LivingProject
from pipeline.conftest import sales

pytestmark = pytest.mark.e2e
SIZES = {
    "S": "<script>alert(1)</script>",
    "M": "a|b|c",
    "L": "`touch pwned` $(touch pwned)",
    "XL": "@reviewer ![x](http://x.test/y.png)",
}
CELL = re.compile(r"<t[dh][ >]")
# How a workflow must not be written: it shows that what follows would do harm. What looks for such lines is hushed.
CARELESS = """\
name: careless
on: pull_request
permissions: {}
concurrency: {group: "careless-${{ github.ref }}", cancel-in-progress: true}
jobs:
  careless:
    name: careless
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read # checks out
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - run: | # zizmor: ignore[template-injection]
          echo "${{ fromJSON(toJSON(github)).head_ref }}"
          echo "${{ fromJSON(toJSON(github)).event.pull_request.title }}"
      - id: changes
        run: (echo train=yes && printf 'file=%s\\n' docs/a*) >> "$GITHUB_OUTPUT"
      - run: | # zizmor: ignore[template-injection]
          echo "careless train is ${{ steps.changes.outputs.train }}"
"""


@pytest.fixture(scope="session")
def hostile_table(train: Train) -> LivingProject:
    """A project whose rows have hostile categories."""
    table = sales(0, 2400)
    table["size"] = table["size"].map(SIZES)
    return train("hostile-table", table)


def test_hostile_names_stay_text(begin: Begin, hostile_table: LivingProject, story: Story, tmp_path: Path) -> None:
    with story.step("a project on the forge, whose categories are hostile"):
        project = begin("hostile", of=hostile_table)
    marks = tmp_path / "marks"
    marks.mkdir()
    with story.step("a pull request whose branch, title, commit message and files have hostile names"):
        number = propose(project, marks, story)
    with story.step("every job does its work"):
        run = project.judged()
        story.ran(run.expect(**GREEN))
        assert stages(run, "gate") == "ran"
    with story.step("the same names do harm in a careless workflow, and only there"):
        careless = project.forge.finished("careless.yml", head_sha=project.sha())
        assert "careless train is no" in careless.log("careless"), careless.log("careless")
        assert left(marks) == {"branch-careless", "title-careless"}
    with story.step("the comment is text"):
        (comment,) = project.forge.comments(number)
        story.note(comment["body"])
        as_text(project, comment["body"])
    with story.step("so is what somebody types at a button"):
        before = project.forge.dispatch(ROLLBACK, environment="staging", release=f"$(touch {marks}/button)\n`id`;'\"")
        run = project.forge.finished(ROLLBACK, after=before)
        story.ran(run.expect(rollback="failure"))
        story.note(run.log("rollback")[-2500:])
        assert "Traceback" not in run.log("rollback")
        assert left(marks) == {"branch-careless", "title-careless"}


def propose(project: ForgedProject, marks: Path, story: Story) -> int:
    """Open a pull request that trains, all of whose names are payloads."""
    touch = f"touch${{IFS}}{marks}"
    branch = f"x;$({touch}/branch-$GITHUB_WORKFLOW)'&&|é"
    title = f'"; touch {marks}/title-$GITHUB_WORKFLOW; echo " <b>| `x` @reviewer'
    message = f"`touch {marks}/message` $(touch {marks}/message)\n\n::set-output name=train::no\n::stop-commands::x"
    names = [
        f"docs/$({touch}/file-$GITHUB_WORKFLOW).md",
        "docs/a\ntrain=no",
        "docs/--help.md",
        "src/`touch pwned`;'\".txt",
    ]
    story.note("\n".join(map(ascii, [branch, title, message, *names])))
    with project.branch(branch, message):
        for path in [project.path / name for name in names]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("Words.\n", encoding="utf-8")
        (project.path / ".github/workflows/careless.yml").write_text(CARELESS, encoding="utf-8")
        project.edit("params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 4")
    return project.propose(branch, title)


def left(marks: Path) -> set[str]:
    """Tell which payloads ran, and in which workflow."""
    return {path.name for path in marks.iterdir()}


def as_text(project: ForgedProject, body: str) -> None:
    """See that the forge renders a report as text: no element, link, picture or mention of a category's making."""

    def rendered(text: str) -> str:
        asked = {
            "Text": text,
            "Mode": "comment",
            "Context": f"{project.forge.owner}/{project.forge.name}",
            "Wiki": False,
        }
        return str(project.forge.must("POST", "/markdown", asked))

    raw = rendered("\n\n".join(SIZES.values()))
    html = rendered(body)
    for sign in ('/reviewer"', '<img src="http', "<code>touch", 'href="http://x.test'):
        assert sign in raw and sign not in html, (sign, raw, html)
    assert "<script" not in html, html
    assert "alert(1)" in html and "a|b|c" in html, html
    for table in html.split("<table>")[1:]:
        rows = table.split("</table>")[0].split("<tr>")[1:]
        assert len({len(CELL.findall(row)) for row in rows}) == 1, table
