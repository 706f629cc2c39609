"""Results as files: read, compared, and as a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench import report
from lightcone.bench.cli import main
from lightcone.bench.results.charts import Scale
from lightcone.bench.results.compare import compare
from lightcone.bench.results.page import STAGES, page
from lightcone.bench.results.reading import read
from lightcone.bench.statistics import RESAMPLES, resampled, spread

FIGURE = {"p50": 100.0, "p95": 150.0, "p99": 160.0, "n": 20}
INTERVALS = {"p50": [90.0, 110.0], "p95": [140.0, 160.0], "p99": [150.0, 160.0]}


def result(offset: float = 0.0, n: int = 40, **settings: Any) -> dict[str, Any]:
    random = np.random.default_rng(int(offset) + n)
    samples = [
        {"pressed": 900.0 * i, "photon": each + offset, "ear": None, "share": 0.5}
        for i, each in enumerate(random.normal(100, 10, n))
    ]
    for sample in samples:
        ends = np.linspace(10.0, float(sample["photon"] or 0), 7)
        sample |= dict(zip([stage.name for stage in STAGES], ends.tolist(), strict=False))
    return {
        "schema": 1,
        "command": "latency",
        "at": "2026-11-28T20:00:00+00:00",
        "commit": "abc1234",
        "settings": {"world": "probe", "subject": "lightcone", "seed": 0, **settings},
        "key_to_photon_ms": {**FIGURE, "intervals": INTERVALS},
        "key_to_display_ms": None,
        "presses": n,
        "unseen": 0,
        "pictures": {
            **{"fps": 24.0, "longest_gap_ms": 90.0, "freezes_over_1_s": 0},
            "shown_at_ms": [40.0 * i for i in range(900)],
        },
        "samples": samples,
        "machine": {"cpu": "a CPU", "cores": 2, "packages": {"torch": "2"}},
        "measured": "from here to <there>",
    }


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    def save(name: str, content: object) -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return save


def compared(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main(["compare", *argv, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_better_worse_and_no_difference(saved: Any, capsys: pytest.CaptureFixture[str]) -> None:
    base = saved("a.json", result(seed=1))
    quicker = compared(capsys, base, saved("b.json", result(-30, seed=2)))
    each = quicker["compared"]["samples.photon p50"]
    assert each["verdict"] == "better"
    assert each["from"] < each["difference"] < each["to"] < 0
    assert each["difference"] == pytest.approx(-30, abs=8)
    assert "samples.photon p50" in quicker["verdict"]
    assert "pressed" not in str(quicker["compared"])
    slower = compared(capsys, base, saved("c.json", result(30)))
    assert slower["compared"]["samples.photon p95"]["verdict"] == "worse"
    same = compared(capsys, base, base)
    assert same["verdict"] == "no difference found"


def test_what_is_not_comparable_is_refused_unless_forced(
    saved: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other = result(world="court")
    other["machine"]["cpu"] = "another"
    files = saved("a.json", result()), saved("b.json", other)
    assert main(["compare", *files]) == 1
    refused = capsys.readouterr().err
    assert len(refused.splitlines()) == 1
    assert "cpu: a CPU and another; world: probe and court" in refused
    forced = compared(capsys, *files, "--force")
    assert forced["not_comparable"] == ["cpu: a CPU and another", "world: probe and court"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can not be read"),
        ("{", "is no JSON"),
        ("[]", "is no result"),
        ({"schema": 99}, "has schema 99"),
        ({"schema": 1, "settings": {}}, "says nothing of machine"),
        (result(n=3), "have no 5 samples of the same kind"),
    ],
)
def test_broken_files_are_one_line(
    content: object, reason: str, saved: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/nowhere/a.json" if content is None else saved("a.json", content)
    assert main(["compare", path, path]) == 1
    printed = capsys.readouterr().err
    assert reason in printed
    assert len(printed.splitlines()) == 1


def test_samples_are_found_wherever_they_are(saved: Any) -> None:
    content = result(n=2)
    content["clients"] = {"chromium": {"samples": [{"photon": 5.0}]}}
    content["joins"] = {"samples_ms": [1.0, None, 2.0]}
    series = read(Path(saved("a.json", content))).series
    assert series["clients.chromium.samples.photon"] == [5.0]
    assert series["joins.samples_ms"] == [1.0, 2.0]
    assert len(series["samples.photon"]) == 2
    assert "samples.ear" not in series


class Parsed(HTMLParser):
    """Opened and closed tags have to match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    "change",
    [{}, {"samples": []}, {"pictures": None}, {"clients": {}, "subject": "pixel"}],
)
def test_the_page_stands_alone(change: dict[str, Any]) -> None:
    text = page(result() | change)
    found = Parsed(text)
    assert found.open == []
    assert {"script", "link", "img"}.isdisjoint(found.seen)
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "&lt;there&gt;" in text
    assert ("until a chunk starts" in text) == bool(change.get("samples", True))


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5))
def test_ticks_are_in_the_scale(low: float, length: float) -> None:
    scale = Scale(low, low + length, 0, 100)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 20
    assert all(low - 1e-3 <= tick <= low + length + 1e-3 for tick in ticks)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=50), st.sampled_from([0, 50, 95, 100]))
def test_resamples_are_of_the_values(values: list[float], percentile: float) -> None:
    found = resampled(values, percentile, np.random.default_rng(0))
    assert found.shape == (RESAMPLES,)
    assert min(values) <= found.min() <= found.max() <= max(values)


def test_resamples_are_as_drawing_would_make_them() -> None:
    random = np.random.default_rng(0)
    values = random.exponential(100, 60)
    for percentile in (50, 95):
        drawn = np.percentile(random.choice(values, (4000, 60)), percentile, axis=1)
        quick = resampled(values.tolist(), percentile, random)
        assert quick.mean() == pytest.approx(drawn.mean(), rel=0.03)
        assert quick.std() == pytest.approx(drawn.std(), rel=0.1)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = spread(random.normal(100, 10, 60).tolist(), 3)
        assert found is not None
        low, high = found.intervals["p50"]
        hits += low <= 100 <= high
    assert 180 <= hits <= 199


def test_the_same_distribution_differs_seldom() -> None:
    random = np.random.default_rng(2)
    names = [f"{n}" for n in range(60)]
    a, b = ({name: random.normal(100, 10, 50).tolist() for name in names} for _ in range(2))
    verdicts = [each["verdict"] for each in compare(a, b).values()]
    assert verdicts.count("no difference found") >= 0.85 * len(verdicts)


def test_percentiles_are_printed_with_their_intervals() -> None:
    [line] = report.lines({"key_to_photon_ms": {**FIGURE, "intervals": INTERVALS}})
    assert line.startswith("key to photon ms: p50 100 (90 to 110)  p95 150 (140 to 160)")
    assert line.endswith("n 20")
