"""What a bucket's configuration sends elsewhere stands in the plan; what is not told is not none.

A proxy gives the answers that AWS documents: no server that runs here has these features.
"""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest
from botocore.stub import Stubber

from backends.contract import CheckStatus, Holding
from backends.s3._bucket import Bucket
from backends.s3._scopes import scopes
from tests.backends.s3.conftest import MATCHER, Place, found, text
from tests.backends.s3.proxy import Answer, Pass, Proxy, Request, Rule, refused

REPLICAS = "s3-provider-replicas"
NOT_OFFERED = "s3-configuration-not-offered"  # SeaweedFS knows no metadata tables


def saying(feature: str, answer: Answer) -> Rule:
    """Answer questions about one feature so, and pass on everything else."""

    def rule(request: Request, forward: Pass) -> Answer | None:
        return answer if feature in request.query else forward()

    return rule


def xml(text: str) -> Answer:
    return Answer(200, [("Content-Type", "application/xml")], text.encode())


def replication(*buckets: str) -> Answer:
    rules = "".join(
        f"<Rule><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::{bucket}</Bucket>"
        "</Destination></Rule>"
        for bucket in buckets
    )
    return xml(f"<ReplicationConfiguration><Role>r</Role>{rules}</ReplicationConfiguration>")


def inventory(bucket: str) -> Answer:
    return xml(
        "<ListInventoryConfigurationsResult><InventoryConfiguration><Destination>"
        f"<S3BucketDestination><Bucket>arn:aws:s3:::{bucket}</Bucket><Format>CSV</Format>"
        "</S3BucketDestination></Destination><IsEnabled>true</IsEnabled><Id>i</Id>"
        "<IncludedObjectVersions>All</IncludedObjectVersions></InventoryConfiguration>"
        "<IsTruncated>false</IsTruncated></ListInventoryConfigurationsResult>"
    )


LOGGING = xml(
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket>"
    "<TargetPrefix>a/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"
)
QUEUE = xml(
    "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:r:1:q</Queue>"
    "<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
)
TABLES = xml(
    "<GetBucketMetadataConfigurationResult><MetadataConfigurationResult><DestinationResult>"
    "<TableBucketType>aws</TableBucketType></DestinationResult></MetadataConfigurationResult>"
    "</GetBucketMetadataConfigurationResult>"
)
RULES = xml(
    "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter/>"
    "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays>"
    "</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>"
)


def seen_through(place: Place, proxy: Proxy, rule: Rule) -> Holding:
    place.put("k", text(1))
    with proxy.lying(rule):
        (holding,) = found(place.open(endpoint_url=proxy.url))
    return holding


def test_without_any_configuration_only_what_the_server_does_not_know_is_named(
    plain: Place,
) -> None:
    plain.put("k", text(1))
    (holding,) = found(plain.open())
    assert (REPLICAS, NOT_OFFERED) == holding.limitations
    assert "metadata tables" == holding.details["unsupported"]


@pytest.mark.parametrize(
    ("feature", "answer", "code", "name"),
    [
        ("replication", replication("a", "b"), "s3-replication-configured", "replication"),
        ("inventory", inventory("reports"), "s3-inventory-configured", "inventory"),
        ("logging", LOGGING, "s3-access-logs-configured", "access logs"),
        ("notification", QUEUE, "s3-notifications-configured", "notifications"),
        ("metadataConfiguration", TABLES, "s3-metadata-tables-configured", "metadata tables"),
        ("lifecycle", RULES, "s3-lifecycle-configured", "lifecycle"),
    ],
)
def test_what_is_configured_is_a_limitation_with_a_count(
    plain: Place, proxy: Proxy, feature: str, answer: Answer, code: str, name: str
) -> None:
    holding = seen_through(plain, proxy, saying(feature, answer))
    assert code in holding.limitations
    assert (2 if feature == "replication" else 1) == holding.details[name]


@pytest.mark.parametrize(
    ("feature", "code"),
    [
        ("replication", "s3-replication-unknown"),
        ("inventory", "s3-inventory-unknown"),
        ("logging", "s3-access-logs-unknown"),
        ("notification", "s3-notifications-unknown"),
        ("metadataConfiguration", "s3-metadata-tables-unknown"),
        ("lifecycle", "s3-lifecycle-unknown"),
    ],
)
def test_what_may_not_be_asked_is_unknown_and_doctor_names_the_right(
    plain: Place, proxy: Proxy, feature: str, code: str
) -> None:
    rule = saying(feature, refused(403, "AccessDenied"))
    assert code in seen_through(plain, proxy, rule).limitations
    with proxy.lying(rule):
        missing = [
            c for c in plain.open(endpoint_url=proxy.url).check() if c.status is CheckStatus.MISSING
        ]
    assert [True] == [c.hint.startswith("grant s3:Get") for c in missing]


@pytest.mark.parametrize(
    "answer",
    [
        refused(501, "NotImplemented"),
        refused(405, "MethodNotAllowed"),
        refused(400, "MalformedXML"),
        xml("<ListBucketResult><Name>b</Name></ListBucketResult>"),
        xml("<html/>"),
    ],
    ids=["501", "405", "400", "a listing", "a page"],
)
@pytest.mark.parametrize("feature", ["logging", "inventory", "replication", "notification"])
def test_a_server_that_knows_no_such_thing_is_told_apart_from_none(
    plain: Place, proxy: Proxy, feature: str, answer: Answer
) -> None:
    holding = seen_through(plain, proxy, saying(feature, answer))
    assert (REPLICAS, NOT_OFFERED) == holding.limitations
    name = {"logging": "access logs", "notification": "notifications"}.get(feature, feature)
    assert name in str(holding.details["unsupported"]).split(", ")


def test_an_answer_that_says_neither_is_unknown(plain: Place, proxy: Proxy) -> None:
    holding = seen_through(plain, proxy, saying("replication", replication()))
    assert "s3-replication-unknown" in holding.limitations


def test_a_destination_in_the_store_is_swept_and_no_limitation(
    make_place: Callable[..., Place], proxy: Proxy
) -> None:
    place, other = make_place(), make_place()
    place.put("k", text(1))
    other.put("k", text(1))
    rule = saying("replication", replication(other.name))
    with proxy.lying(rule):
        store = place.open(endpoint_url=proxy.url, buckets=[place.name, other.name])
        both = found(store)
        alone = found(place.open(endpoint_url=proxy.url))
    assert {place.name, other.name} == {h.scope for h in both}
    (here,) = [h for h in both if h.scope == place.name]
    assert "s3-replication-configured" not in here.limitations
    assert "s3-replication-configured" in alone[0].limitations


def test_inventories_are_asked_for_page_by_page(plain: Place, proxy: Proxy) -> None:
    pages = [
        inventory("one").body.replace(
            b"<IsTruncated>false</IsTruncated>",
            b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
        ),
        inventory("two").body,
    ]

    def rule(request: Request, forward: Pass) -> Answer | None:
        if "inventory" not in request.query:
            return forward()
        return Answer(200, [], pages["continuation-token" in request.query])

    assert 2 == seen_through(plain, proxy, rule).details["inventory"]


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("x-amz-replication-status", "COMPLETED", "s3-replicated"),
        ("x-amz-replication-status", "PENDING", "s3-replication-pending"),
        ("x-amz-replication-status", "REPLICA", "s3-replica-of-another"),
        (
            "x-amz-restore",
            'ongoing-request="false", expiry-date="Fri, 25 Dec 2026 00:00:00 GMT"',
            "s3-restored-copy",
        ),
    ],
)
def test_what_is_told_of_the_object_itself(
    plain: Place, proxy: Proxy, header: str, value: str, code: str
) -> None:
    def rule(request: Request, forward: Pass) -> Answer | None:
        answer = forward()
        if request.path.startswith(f"/{plain.name}/k"):
            answer.headers.append((header, value))
        return answer

    holding = seen_through(plain, proxy, rule)
    assert code in holding.limitations
    if header == "x-amz-restore":
        assert value == holding.details["restore"]


def test_a_replica_in_the_store_is_no_limitation(
    make_place: Callable[..., Place], proxy: Proxy
) -> None:
    place, other = make_place(), make_place()
    place.put("k", text(1))

    def rule(request: Request, forward: Pass) -> Answer | None:
        if "replication" in request.query:
            return replication(other.name)
        answer = forward()
        answer.headers.append(("x-amz-replication-status", "COMPLETED"))
        return answer

    with proxy.lying(rule):
        store = place.open(endpoint_url=proxy.url, buckets=[place.name, other.name])
        (holding,) = found(store)
    assert "s3-replicated" not in holding.limitations
    assert 1 == holding.details["replication in this store"]


def test_companions_carry_what_is_true_of_the_bucket(versioned: Place, proxy: Proxy) -> None:
    versioned.put("k", text(1))
    versioned.client.delete_object(Bucket=versioned.name, Key="k")
    versioned.upload("k", text(1))
    with proxy.lying(saying("replication", replication("elsewhere"))):
        store = versioned.open(endpoint_url=proxy.url)
        companions = list(store.companions(found(store), MATCHER))
    assert ["delete-marker", "upload"] == [c.kind for c in companions]
    assert all("s3-replication-configured" in c.limitations for c in companions)


def test_directory_buckets_are_named_and_not_taken_for_empty() -> None:
    client = boto3.client(
        "s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    names = {"Buckets": [{"Name": "fast--euw1-az1--x-s3"}, {"Name": "other--euw1-az1--x-s3"}]}

    def unused(name: str) -> Bucket:
        raise AssertionError(name)

    with Stubber(client) as stub:
        stub.add_response("list_buckets", {"Owner": {"ID": "me"}, "Buckets": []})
        stub.add_response("list_directory_buckets", names)
        (scope,) = scopes(client, "lake", ["fast*"], unused, aws=True)
        assert ("fast--euw1-az1--x-s3", "directory-bucket") == (scope.name, scope.problem)
        stub.add_response("list_buckets", {"Owner": {"ID": "me"}, "Buckets": []})
        stub.add_client_error("list_directory_buckets", "AccessDenied", http_status_code=403)
        problems = {s.problem for s in scopes(client, "lake", ["fast*"], unused, aws=True)}
        assert {"directory-buckets-not-listed", "no-matching-bucket"} == problems


def test_a_list_of_inventories_that_breaks_off_is_not_read_as_all_of_them(
    plain: Place, proxy: Proxy
) -> None:
    """The one that is told goes to the store's own bucket; the others are told nowhere."""
    answer = inventory(plain.name)
    answer.body = answer.body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
    holding = seen_through(plain, proxy, saying("inventory", answer))
    assert "s3-inventory-unknown" in holding.limitations
