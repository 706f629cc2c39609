"""Headers of every answer: what browsers may do with it."""

from __future__ import annotations

from collections.abc import Mapping

from secure import ContentSecurityPolicy, PermissionsPolicy, ReferrerPolicy, Secure
from secure import CrossOriginOpenerPolicy as Opener
from secure import CrossOriginResourcePolicy as Resource
from secure import XContentTypeOptions as ContentType
from secure import XFrameOptions as Frame

_POLICY = (
    ContentSecurityPolicy()
    .default_src("'none'")
    .script_src("'self'")
    .style_src("'self'")
    .img_src("'self'", "data:", "blob:")
    .media_src("'self'", "blob:", "mediastream:")
    .connect_src("'self'")
    .worker_src("'self'", "blob:")
    .manifest_src("'self'")
    .base_uri("'none'")
    .form_action("'none'")
    .frame_ancestors("'none'")
)
_PERMISSIONS = (
    PermissionsPolicy()
    .autoplay("self")
    .fullscreen("self")
    .gamepad("self")
    .picture_in_picture("self")
    .screen_wake_lock("self")
    .camera()
    .microphone()
    .geolocation()
    .payment()
    .usb()
)

SAFE_HEADERS: Mapping[str, str] = Secure(
    csp=_POLICY,
    permissions=_PERMISSIONS,
    referrer=ReferrerPolicy().no_referrer(),
    xcto=ContentType().nosniff(),
    xfo=Frame().deny(),
    coop=Opener().same_origin(),
    corp=Resource().same_site(),
).headers
"""W3C CSP level 3, Permissions Policy, Referrer Policy; Fetch standard (nosniff, CORP)."""
