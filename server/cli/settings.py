"""Settings of a server: environment variables `LIGHTCONE_*`, overridden by flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.runtime.threads import default_threads
from lightcone.server.cli.weights import (
    ALL,
    served_worlds,
)
from lightcone.server.http.origins import ANY
from lightcone.server.worker.host import EngineConfig

CLIENT_DIR = Path(__file__).parents[2] / "page"

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LIGHTCONE_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    worlds: str = Field(
        ALL, description="Worlds that are served, with commas; all is every one with weights."
    )
    weights: Path = Field(WEIGHTS_DIR, description="Folder of weights.")
    steps: int = Field(1, ge=1, le=64, description="Denoising steps for each chunk.")
    device: str = Field("cpu", description="Torch device of the model.")
    threads: int = Field(
        default_factory=default_threads,
        ge=1,
        description="Threads of the model; default: all cores but one, at most 4.",
    )
    max_worlds: int = Field(1, ge=1, le=64, description="Worlds that may live at once.")
    max_viewers: int = Field(64, ge=1, description="Viewers, and control clients, of one world.")
    idle_timeout_s: float = Field(
        10.0, ge=0, description="A world left alone this long makes room for a new one."
    )
    step_timeout_s: float = Field(30.0, gt=0, description="A chunk that takes longer is a crash.")
    probe_compute_ms: float = Field(20.0, ge=0, description="Time of one chunk of the probe world.")
    scale: int = Field(4, ge=1, le=16, description="Factor by which the picture is enlarged.")
    video_bitrate: int = Field(2_000_000, ge=50_000, description="Bits a second.")
    audio_bitrate: int = Field(64_000, ge=6_000, le=510_000, description="Bits a second.")
    origins: str = Field(
        ANY, description="Origins of other web pages that may use it, with commas; * is any."
    )
    client_dir: Path = Field(CLIENT_DIR, description="The built page.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        return tuple(origin.strip() for origin in self.origins.split(",") if origin.strip())

    @property
    def served(self) -> tuple[str, ...]:
        """Names of the worlds. Raises UnknownWorld and WeightsError."""
        return served_worlds(self.worlds, self.weights)

    def engine_config(self) -> EngineConfig:
        return EngineConfig(
            worlds=self.served,
            weights=self.weights,
            steps=self.steps,
            device=self.device,
            threads=self.threads,
            probe_compute_ms=self.probe_compute_ms,
            slots=self.max_worlds,
        )


def parse_flags(flags: list[str]) -> Settings:
    """Settings from the environment and these flags of `lightcone serve`.

    Raises pydantic.ValidationError; a wrong flag and --help end the process.
    """
    source = CliSettingsSource[Any](
        Settings,
        cli_parse_args=flags,
        cli_prog_name="lightcone serve",
        cli_kebab_case=True,
        cli_exit_on_error=True,
    )
    return Settings(_cli_settings_source=source)  # type: ignore[call-arg]
