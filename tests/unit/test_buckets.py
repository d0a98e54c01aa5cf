"""Where buckets are, as the environment says it in the words of each cloud's own tools."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from modelsync_jupyter.buckets import bucket_options

KEY = {"AWS_ACCESS_KEY_ID": "key"}
CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
AZURITE = "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=aa+/a==;BlobEndpoint=http://127.0.0.1:10000/dev;"
HTTP = {"allow_http": True}
ELSEWHERE = "http://minio:9000"


@pytest.mark.parametrize(
    ("scheme", "environ", "wanted"),
    [
        ("s3", KEY, {}),
        (
            "s3a",
            {**KEY, "AWS_ENDPOINT_URL": "https://minio", "GOOGLE_BASE_URL": ELSEWHERE},
            {"endpoint": "https://minio"},
        ),
        (
            "s3",
            {**KEY, "AWS_ENDPOINT_URL_S3": ELSEWHERE, "AWS_ENDPOINT_URL": "https://a"},
            {"endpoint": ELSEWHERE, "client_options": HTTP},
        ),
        ("gs", {"AWS_ENDPOINT_URL": ELSEWHERE}, {}),
        ("gs", {"STORAGE_EMULATOR_HOST": ELSEWHERE}, {"base_url": ELSEWHERE, "client_options": HTTP}),
        ("abfss", {"AZURE_STORAGE_ENDPOINT": ELSEWHERE}, {"endpoint": ELSEWHERE, "client_options": HTTP}),
        ("abfss", {CONNECTION: AZURITE}, {}),
        (
            "az",
            {CONNECTION: AZURITE, "AZURE_STORAGE_ENDPOINT": "https://other"},
            {
                "account_name": "dev",
                "account_key": "aa+/a==",
                "endpoint": "http://127.0.0.1:10000/dev",
                "client_options": HTTP,
            },
        ),
        (
            "az",
            {CONNECTION: "AccountName=a; AccountKey=k;EndpointSuffix=core.chinacloudapi.cn"},
            {"account_name": "a", "account_key": "k", "endpoint": "https://a.blob.core.chinacloudapi.cn"},
        ),
        (
            "az",
            {CONNECTION: "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2021&sig=s%3D"},
            {"account_name": "a", "sas_key": "sv=2021&sig=s%3D", "endpoint": "https://a.blob.core.windows.net"},
        ),
        ("az", {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "k"}, {"account_name": "a", "account_key": "k"}),
        ("az", {CONNECTION: "UseDevelopmentStorage=true"}, {"use_emulator": True}),
        ("az", {CONNECTION: "what is this"}, {}),
    ],
)
def test_the_environment_says_where_a_bucket_is(scheme: str, environ: dict[str, str], wanted: dict[str, Any]) -> None:
    assert bucket_options(scheme, environ=environ) == wanted


def test_an_endpoint_that_is_given_goes_before_the_environment() -> None:
    public = {"endpoint": "https://public", "account_name": "dev", "account_key": "aa+/a=="}
    assert bucket_options("az", "https://public", {CONNECTION: AZURITE}) == public
    assert bucket_options("gs", "https://public", {"GOOGLE_BASE_URL": ELSEWHERE}) == {"base_url": "https://public"}


@pytest.mark.parametrize(("scheme", "environ", "asked"), [("s3", {}, True), ("s3a", KEY, False), ("gs", {}, False)])
def test_the_sign_in_of_the_aws_command_line_counts_where_no_key_is_given(
    scheme: str, environ: dict[str, str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = object()
    library = SimpleNamespace(Boto3CredentialProvider=lambda: provider)  # boto3 need not be installed here
    monkeypatch.setitem(sys.modules, "obstore.auth.boto3", library)
    assert bucket_options(scheme, environ=environ).get("credential_provider") is (provider if asked else None)


def test_where_nobody_is_signed_in_the_bucket_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise ValueError("Received None from session.get_credentials")

    monkeypatch.setitem(sys.modules, "obstore.auth.boto3", SimpleNamespace(Boto3CredentialProvider=refuse))
    assert bucket_options("s3", environ={}) == {}
