"""What crosses between the server and a process that decodes pictures."""

from __future__ import annotations

import struct

ORDER = struct.Struct("!HHI")
"""Width and height that are wanted, and the bytes of the file that follow."""

ANSWER = struct.Struct("!BI")
"""DONE or REFUSED, and the bytes that follow: of the picture, or of the reason."""

DONE, REFUSED = 0, 1
