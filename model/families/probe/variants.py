"""The probe's worlds: one picture language, in the formats that other families have.

| world | differs in |
|---|---|
| probe | 128x96, 24 fps, 24 kHz, chunks of 2; colours as prompts; may start from an image |
| probe-wide | 160x96 |
| probe-long | 832x480, 16 fps, no sound, chunks of 9 and then 12, in parts of at most 4 frames |
| probe-35 | 35 fps, 44.1 kHz |
| probe-60 | 60 fps, 48 kHz, one frame a chunk; no prompt, no image |
| probe-text | free text as prompt |
| probe-image | an image is required |
| probe-y | both directions of the mouse |
| probe-noise | its ground is another pattern in every frame: takes all the bits that it is given |
| probe-faulty | prompts make its steps fail, hang or be slow |
"""

from __future__ import annotations

from dataclasses import replace

from lightcone.model.interface import Axis, Button, GamepadBinding, WorldInfo

COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
FAULTS = ("fine", "raise", "hang", "slow")
PART_FRAMES = 4
"""Longer chunks are emitted in parts of at most so many frames."""

PROBE = WorldInfo(
    name="probe",
    title="Probe",
    description="Flashes a code and beeps when acted on; for measuring latency.",
    width=128,
    height=96,
    buttons=(
        Button("left", "Left", ("ArrowLeft", "KeyA"), (GamepadBinding("button", 14),)),
        Button("right", "Right", ("ArrowRight", "KeyD"), (GamepadBinding("button", 15),)),
        Button("jump", "Jump", ("ArrowUp", "KeyW"), (GamepadBinding("button", 0),)),
        Button("shoot", "Shoot", ("Space",), (GamepadBinding("button", 2),)),
    ),
    axes=(Axis("turn", "Turn", -3.0, 3.0, "x", GamepadBinding("axis", 2, 1)),),
    fps=24,
    sample_rate=24_000,
    chunk_frames=(2,),
    prompt="grammar",
    words=tuple(COLOURS),
    changing_words=tuple(COLOURS),
    image="optional",
)
PROBE_WIDE = replace(PROBE, name="probe-wide", title="Wide probe", width=160)
PROBE_LONG = replace(
    PROBE,
    name="probe-long",
    title="Long probe",
    width=832,
    height=480,
    fps=16,
    sample_rate=None,
    chunk_frames=(9, 12),
)
PROBE_35 = replace(PROBE, name="probe-35", title="Probe, 35 fps", fps=35, sample_rate=44_100)
PROBE_60 = replace(
    PROBE,
    name="probe-60",
    title="Probe, 60 fps",
    fps=60,
    sample_rate=48_000,
    chunk_frames=(1,),
    prompt="none",
    words=(),
    changing_words=(),
    image="none",
)
PROBE_TEXT = replace(
    PROBE, name="probe-text", title="Text probe", prompt="free", words=(), changing_words=()
)
PROBE_IMAGE = replace(PROBE, name="probe-image", title="Image probe", image="required")
PROBE_Y = replace(
    PROBE,
    name="probe-y",
    title="Probe with two axes",
    axes=(*PROBE.axes, Axis("look", "Look", -3.0, 3.0, "y", GamepadBinding("axis", 3, 1))),
)
PROBE_NOISE = replace(
    PROBE, name="probe-noise", title="Noisy probe", description="Its pictures are hard to encode."
)
PROBE_FAULTY = replace(
    PROBE,
    name="probe-faulty",
    title="Faulty probe",
    description="Its prompts make it fail, hang or be slow; for testing what happens then.",
    words=FAULTS,
    changing_words=FAULTS,
)

PROBES = {
    info.name: info
    for info in (
        PROBE, PROBE_WIDE, PROBE_LONG, PROBE_35, PROBE_60,
        PROBE_TEXT, PROBE_IMAGE, PROBE_Y, PROBE_NOISE, PROBE_FAULTY,
    )
}  # fmt: skip
