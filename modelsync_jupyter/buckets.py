"""Where buckets are and who we are to them, as each cloud's own tools are told: `obstore` does not read all of that.

For exports to a bucket as for a registry over one: who is signed in for the one is signed in for the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

#: For each cloud: what `obstore` calls the endpoint, and the variables that name another than the cloud's own.
_ENDPOINTS = {
    "s3": ("endpoint", ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")),
    "gs": ("base_url", ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST")),
    "az": ("endpoint", ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")),
}
_CLOUDS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}


def cloud_of(scheme: str) -> str:
    """Return "s3", "gs" or "az": whose buckets have URLs of a scheme."""
    return _CLOUDS.get(scheme, "az")


def bucket_options(scheme: str, endpoint: str = "", environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return options of `obstore` for the buckets of a scheme, besides what it finds in the environment itself.

    Plain http is allowed exactly where the endpoint was given as such.

    Args:
        scheme: That of the URL, such as "s3".
        endpoint: Endpoint to use instead of the one in the environment.
        environ: The environment.
    """
    cloud = cloud_of(scheme)
    option, variables = _ENDPOINTS[cloud]
    # URLs of Azure's other schemes may name an account, which this is perhaps not the key of.
    found = _azure_options(environ) if scheme in ("az", "azure") else {}
    here = endpoint or found.get(option) or next(filter(None, map(environ.get, variables)), "")
    if here:
        found[option] = here
    if here.startswith("http://"):
        found["client_options"] = {"allow_http": True}
    if cloud == "s3" and not environ.get("AWS_ACCESS_KEY_ID"):
        # Profiles and sign-ins of the AWS command line, where its library is installed and knows of one (ValueError).
        with suppress(ImportError, ValueError):
            from obstore.auth.boto3 import Boto3CredentialProvider

            found["credential_provider"] = Boto3CredentialProvider()
    return found


def _azure_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what Azure's own tools read of the environment and `obstore` does not."""
    fields = environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";")
    said = {key.strip().lower(): value.strip() for key, _, value in (field.partition("=") for field in fields)}
    account, endpoint = said.get("accountname", ""), said.get("blobendpoint", "")
    if endpoint and not account:  # as in one with a signature instead of a key
        account = (urlsplit(endpoint).hostname or "").partition(".")[0]
    elif account and not endpoint:
        host = f"{account}.blob.{said.get('endpointsuffix', 'core.windows.net')}"
        endpoint = f"{said.get('defaultendpointsprotocol', 'https')}://{host}"
    found = {
        "account_name": account or environ.get("AZURE_STORAGE_ACCOUNT"),
        "account_key": said.get("accountkey") or environ.get("AZURE_STORAGE_KEY"),
        "sas_key": said.get("sharedaccesssignature"),
        "endpoint": endpoint.rstrip("/"),
        "use_emulator": said.get("usedevelopmentstorage", "").lower() == "true",
    }
    return {name: value for name, value in found.items() if value}
