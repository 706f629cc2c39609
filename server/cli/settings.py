"""Settings of a server: environment variables `LIGHTCONE_*`, overridden by flags."""

from __future__ import annotations

import os
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.interface import DecoderName
from lightcone.model.runtime.threads import default_threads
from lightcone.server.access.access import Access
from lightcone.server.access.hosts import Hosts, is_loopback
from lightcone.server.access.ice import IceServers
from lightcone.server.access.quotas import Quotas
from lightcone.server.access.seats import SeatRules
from lightcone.server.access.tokens import Tokens
from lightcone.server.cli.weights import (
    ALL,
    served_worlds,
)
from lightcone.server.telemetry.logs import LogLevel
from lightcone.server.worker.messages import Load
from lightcone.streaming import Network, Relay, Sockets, parse_networks, parse_ports

CLIENT_DIR = Path(__file__).parents[2] / "page"
_QUOTA = "by key or by address, as '10/minute;100/day'; empty is any number."
MEMORY_SHARE = 0.5  # of the machine's memory, for states of sessions


def default_data_dir() -> Path:
    """As the XDG base directory specification has it."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "lightcone"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LIGHTCONE_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    worlds: str = Field(
        ALL,
        description="Worlds that are served, with commas: names of the catalogue, or env:NAME; "
        "all is every learned one that the weights know.",
    )
    weights: Path = Field(WEIGHTS_DIR, description="Folder of weights.")
    steps: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Denoising steps for each chunk; by default the family's own.",
    )
    device: str = Field("cpu", description="Torch device of the model.")
    text_device: str = Field(
        "cpu", description="Torch device of the text encoder of a world of the wan family."
    )
    decoder: DecoderName = Field(
        "vae",
        description="What makes pictures of latents, in the wan and matrix_game families: their "
        "own decoder, or taehv, a small fast one.",
    )
    fp8_kv: bool = Field(
        False, description="Keep keys and values of the wan and matrix_game families in eight bits."
    )
    fp8_linears: bool = Field(
        False, description="Compute linear layers of these families in eight bits."
    )
    kv_gb: float = Field(
        0.0,
        ge=0,
        description="Size of an arena of keys and values of each world of these families, in GB; "
        "without one they are given memory chunk by chunk.",
    )
    compile: bool = Field(
        False,
        description="Compile the transformers of these families by torch.compile: the first chunks "
        "take minutes.",
    )
    graphs: bool = Field(
        False,
        description="Record the passes of these transformers as CUDA graphs, where a session is "
        "stepped alone.",
    )
    action_guidance: float = Field(
        1.0,
        ge=0,
        le=10,
        description="How strongly actions steer a world of the avdit family; 1: as learned. "
        "Another one costs one more pass of the model for each denoising step.",
    )
    threads: int = Field(
        default_factory=default_threads,
        ge=1,
        description="Threads of each worker's model; default: all cores but one, at most 4.",
    )
    workers: int = Field(1, ge=1, le=64, description="Worker processes, each with its models.")
    max_sessions: int = Field(
        0, ge=0, description="Sessions that may live at once; 0: as many as fit by measured cost."
    )
    overbook: float = Field(
        1.0,
        ge=1,
        description="Sessions are let in as if the machine were so many times as fast: more of "
        "them, below their full rate.",
    )
    max_batch: int = Field(
        0, ge=0, description="The most sessions in one step of a model; 0: as many as it takes."
    )
    max_viewers: int = Field(64, ge=1, description="Viewers, and control clients, of one session.")
    turn_seconds: float | None = Field(
        None, gt=0, description="While somebody asks for the wheel, a turn ends after this time."
    )
    grace_s: float = Field(
        10.0, ge=0, description="A driver whose connection drops keeps the wheel this long."
    )
    idle_timeout_s: float = Field(
        60.0, ge=0, description="A session with nobody there is saved and ends after this time."
    )
    step_timeout_s: float = Field(
        30.0, gt=0, description="A session whose chunk takes longer has failed."
    )
    history_s: float = Field(30.0, ge=0, description="World time that a rewind can reach back.")
    min_rate: float = Field(
        0.5, gt=0, le=1, description="The lowest share of its frame rate a slow session may have."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="Folder of kept snapshots."
    )
    recordings: Path | None = Field(
        None, description="Folder of recorded videos; default: a folder in the data folder."
    )
    record: Path | None = Field(
        None,
        description="Folder for what is played while somebody drives, as an episode for each "
        "such time and each of its environment's episodes: lightcone train avdit learns from it. "
        "The page says so to those who play.",
    )
    consent: str = Field(
        "",
        description="What those who play agree to; shown to them, and written into each episode "
        "of record.",
    )
    probe_compute_ms: float = Field(20.0, ge=0, description="Time of one chunk of the probe world.")
    scale: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Factor by which the picture is enlarged, where it fits; by default 4, to 640 "
        "pixels of width at most.",
    )
    video_bitrate: int = Field(2_000_000, ge=50_000, description="Bits a second.")
    audio_bitrate: int = Field(64_000, ge=6_000, le=510_000, description="Bits a second.")
    origins: str = Field(
        "",
        description="Origins of other web pages that may use it, with commas; * is any. Its own "
        "page always may.",
    )
    public_url: str = Field(
        "",
        description="URLs by which it is reached from elsewhere, with commas, for instance "
        "https://play.example.org: under other names than these it does not answer.",
    )
    key: SecretStr | None = Field(
        None,
        description="Secret that signs tokens and links, and that is an admin's token itself; "
        "better given as LIGHTCONE_KEY. Without one everybody who reaches the server may do all.",
    )
    insecure: bool = Field(
        False, description="Serve other machines without a key, or by a public URL."
    )
    link_hours: float = Field(
        12.0, gt=0, description="How long the page may be used after a link with a key was opened."
    )
    quota_sessions: str = Field("20/minute", description=f"New sessions, {_QUOTA}")
    quota_offers: str = Field("120/minute", description=f"Offers of viewers, {_QUOTA}")
    quota_prompts: str = Field("60/minute", description=f"Prompts, {_QUOTA}")
    quota_uploads: str = Field(
        "30/minute", description=f"Snapshots and recordings that are stored, {_QUOTA}"
    )
    quota_viewers: int = Field(
        0, ge=0, description="Viewers of one key or address at once; 0 is any number."
    )
    quota_generation: str = Field(
        "", description=f"Seconds that sessions of somebody run, {_QUOTA}"
    )
    tls_cert: Path | None = Field(None, description="Certificate chain, PEM; needs tls-key.")
    tls_key: Path | None = Field(None, description="Key of the certificate, PEM.")
    candidates: str = Field(
        "",
        description="Networks, with commas, in which viewers may name addresses of theirs to "
        "connect to, like 203.0.113.0/24. Without one, these are the address that a viewer's "
        "request came from, and private ones where that is private.",
    )
    udp_ports: str = Field(
        "", description="Ports that viewers are sent to from, as 50000-50100; by default any."
    )
    udp_addresses: str = Field(
        "",
        description="Addresses of this machine that viewers are sent to from, with commas; by "
        "default all.",
    )
    public_ip: str = Field(
        "",
        description="The address outside of a NAT that forwards udp-ports one to one to this "
        "machine.",
    )
    ice_servers: str = Field(
        "",
        description="STUN and TURN servers for viewers, with commas, as "
        "turn:turn.example.org:3478?transport=udp.",
    )
    turn_secret_file: Path | None = Field(
        None,
        description="File with the secret that the TURN servers have (coturn's "
        "static-auth-secret); or it is given as LIGHTCONE_TURN_SECRET.",
    )
    turn_secret: SecretStr | None = Field(
        None, description="That secret; better given as LIGHTCONE_TURN_SECRET, or in a file."
    )
    turn_hours: float = Field(
        12.0, gt=0, description="How long a viewer's password for the TURN servers is good."
    )
    turn_relay: bool = Field(
        False,
        description="Viewers can reach this server through the first TURN server, too: for one "
        "that they do not reach otherwise.",
    )
    client_dir: Path = Field(CLIENT_DIR, description="The built page.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")
    log_json: bool = Field(False, description="Logs as JSON, one object a line.")

    @field_validator("consent")
    @classmethod
    def _is_for_recordings(cls, consent: str, info: ValidationInfo) -> str:
        if consent and info.data.get("record") is None:
            raise ValueError("it is written into recordings, so it needs --record")
        return consent

    @model_validator(mode="after")
    def _is_safe(self) -> Settings:
        outside = bool(self.public_url) or not is_loopback(self.host)
        if outside and self.key is None and not self.insecure:
            raise ValueError(
                "others can reach this server, so it needs a key (LIGHTCONE_KEY), or --insecure"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls-cert and tls-key go together")
        relay = self.ice.relay()
        if self.turn_relay and relay is None:
            raise ValueError("turn-relay needs a TURN server in ice-servers")
        _ = self.access
        return self

    @cached_property
    def ice(self) -> IceServers:
        """Raises ValueError for a URL, or a file, that can not be read."""
        secret = None if self.turn_secret is None else self.turn_secret.get_secret_value()
        if self.turn_secret_file is not None:
            try:
                secret = self.turn_secret_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is no text"
                raise ValueError(f"no secret in {self.turn_secret_file}: {reason}") from error
        return IceServers.of(_parts(self.ice_servers), secret or None, 3600 * self.turn_hours)

    @cached_property
    def access(self) -> Access:
        """Raises BadKey, and ValueError for a URL or a quota that can not be read."""
        key = self.key
        quotas = {
            "sessions": self.quota_sessions,
            "offers": self.quota_offers,
            "prompts": self.quota_prompts,
            "uploads": self.quota_uploads,
            "generation": self.quota_generation,
        }
        return Access(
            Hosts.of(self.host, _parts(self.public_url), self.allowed_origins),
            None if key is None else Tokens(key.get_secret_value()),
            Quotas(quotas),
            3600 * self.link_hours,
        )

    @field_validator("udp_ports")
    @classmethod
    def _is_range(cls, ports: str) -> str:
        parse_ports(ports)
        return ports

    @field_validator("udp_addresses", "public_ip")
    @classmethod
    def _are_addresses(cls, addresses: str) -> str:
        for address in _parts(addresses):
            ip_address(address)
        return addresses

    @property
    def sockets(self) -> Sockets:
        """That viewers are sent to from."""
        addresses = _parts(self.udp_addresses)
        ports, relay = parse_ports(self.udp_ports), self.ice.relay if self.turn_relay else _no_relay
        return Sockets(addresses, ports, self.public_ip or None, relay)

    @field_validator("candidates")
    @classmethod
    def _are_networks(cls, candidates: str) -> str:
        parse_networks(_parts(candidates))
        return candidates

    @property
    def candidate_networks(self) -> tuple[Network, ...]:
        """In which addresses that viewers name are tried."""
        return parse_networks(_parts(self.candidates))

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        return _parts(self.origins)

    @property
    def served(self) -> tuple[str, ...]:
        """Names of the worlds. Raises UnknownWorld and WeightsError."""
        return served_worlds(self.worlds, self.weights)

    @property
    def recordings_dir(self) -> Path:
        return self.recordings or self.data_dir / "recordings"

    @property
    def seat_rules(self) -> SeatRules:
        return SeatRules(self.grace_s, self.turn_seconds, self.max_viewers)

    @property
    def budget_bytes(self) -> int:
        """Memory for the states of one worker's sessions."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return int(MEMORY_SHARE * memory / self.workers)

    def load(self) -> Load:
        """What a worker is to open. Raises UnknownWorld and WeightsError."""
        return Load(
            worlds=list(self.served),
            weights=str(self.weights),
            steps=self.steps,
            device=self.device,
            threads=self.threads,
            action_guidance=self.action_guidance,
            text_device=self.text_device,
            decoder=self.decoder,
            fp8_kv=self.fp8_kv,
            fp8_linears=self.fp8_linears,
            kv_gb=self.kv_gb,
            compile=self.compile,
            graphs=self.graphs,
            probe_compute_ms=self.probe_compute_ms,
            step_timeout_s=self.step_timeout_s,
            history_s=self.history_s,
            min_rate=self.min_rate,
            scale=self.scale,
            video_bitrate=self.video_bitrate,
            max_batch=self.max_batch,
            record="" if self.record is None else str(self.record.absolute()),
            consent=self.consent,
            log_level=self.log_level,
            log_json=self.log_json,
        )


def _no_relay() -> Relay | None:
    return None


def _parts(text: str) -> tuple[str, ...]:
    """Of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


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
        cli_implicit_flags=True,
        cli_shortcuts={"worlds": "world"},
    )
    return Settings(_cli_settings_source=source)  # type: ignore[call-arg]
