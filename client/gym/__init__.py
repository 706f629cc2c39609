"""Environments for learning (https://gymnasium.farama.org): over a model in this process, or over
sessions of a server. Needs gymnasium (`pip install 'lightcone[gym]'`)."""

from lightcone.client.gym.local import LocalEnv, LocalVectorEnv
from lightcone.client.gym.remote import RemoteEnv, RemoteVectorEnv
from lightcone.client.gym.turns import Judge, Transition

__all__ = ["Judge", "LocalEnv", "LocalVectorEnv", "RemoteEnv", "RemoteVectorEnv", "Transition"]
