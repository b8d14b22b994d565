"""What ``shredder init`` writes."""

TEMPLATE = """\
# shredder.toml: what shredder may look at, and what must go.
# No secret belongs here. Postgres: ~/.pgpass, a service file or PG* in the environment.
# S3: boto3's own chain (~/.aws, AWS_* in the environment).

controller = "{controller}"        # who is responsible for the data (GDPR Art. 4(7))
state = ".shredder"                # keys, catalogue, journal, attestations: mode 0700

# names = "names.toml"             # mode 0600: the names behind staff references, for an annex

[operator]                         # a role and a staff reference, never a name
role = "operator"
reference = "unstated"

# --- Stores: every configured place that can hold copies --------------------------------

# [stores.share]
# backend = "files"                # whole files are destroyed
# roots = ["share"]                # relative to this file
# exclude = ["*.iso"]              # what is excluded is named, and nothing is complete then
# neighbours = true                # of holdings: also in their owners' trash and thumbnails
# scrub = true                     # free space, too: fills the disk for a while, but for
# scrub_reserve = "5%"             # this, or "2GiB"; scrub_seconds = 3600

# [stores.exports]
# backend = "csv"                  # also takes single records out of delimited files
# roots = ["exports"]

# [stores.warehouse]
# backend = "postgres"
# conninfo = "service=warehouse"   # libpq's words, no password

# [stores.lake]
# backend = "s3"
# endpoint_url = "http://127.0.0.1:8333"   # left out: AWS
# buckets = ["*"]
# server = "seaweedfs"                     # yours: what it keeps of deleted objects goes, too
# master = "http://127.0.0.1:9333"
# filer = "http://127.0.0.1:8888"
# data_directory = "/srv/seaweedfs"        # where it can be seen that it is gone
# server_logs = ["/var/log/seaweedfs"]     # files or folders: keys are taken out of its log

# --- Datasets: what must go --------------------------------------------------------------

# [datasets.survey-2018-05]
# title = "User survey of May 2018"
# basis = "gdpr-art-17-1-d"        # a code: why it must go
# sources = [{{ store = "warehouse", table = "public.survey_2018_05" }}]
# # or: path = "exports/survey.csv", query = "SELECT …", key = "bucket/key"
# #     with sealed = true: a file sealed to the dataset's key, that was never in the clear there
# fingerprint = 2027-01-31         # kept until then, to recheck; or "destroy", with the dataset
# approvals = 1                    # of [approvers]: they sign each plan before it is carried out
# locations = [{{ store = "share", pattern = "share/surveys/2018/*" }}]
#
# [datasets.survey-2018-05.columns]
# respondent_id = "private"        # made by this dataset: recognises a record anywhere
# email = "person"                 # a person's: occurs elsewhere honestly
# income = "quasi"                 # says nothing by itself; roles left out are guessed
#
# [datasets.survey-2018-05.hold]   # a legal hold forbids destruction
# reason = "pending litigation"
# until = 2027-01-31

# --- Approvers: other people, each with a key of their own ---------------------------------

# [approvers.data-protection]
# role = "data-protection-officer"
# reference = "staff-3"
# public_key = "data-protection.pub"       # PEM, or a line of OpenSSH's

# --- Recipients: third parties that received a copy (GDPR Art. 19) -----------------------

# [recipients.analytics-agency]
# datasets = ["survey-2018-05"]
# told = 2018-06-01
# answered = 2018-06-08

# --- Timestamps: RFC 3161 authorities, tried in this order -------------------------------

[timestamp]
authorities = []
timeout_s = 20
# wanted = 2                               # tokens of different authorities on each envelope
# policy_oids = {{ "https://tsa.example.org/" = "1.2.3" }}   # an answer under another is none

# --- Signing: each of these signs; left out: the key file that `shredder init` makes -------

# [signing]
# signers = [{{ kind = "ssh-agent", public_key = "operator.pub" }}]  # Ed25519, by SSH_AUTH_SOCK
# # or: {{ kind = "pkcs11", module = "/usr/lib/opensc-pkcs11.so", uri = "pkcs11:token=a;object=b" }}
# #     {{ kind = "kms", key = "alias/shredder", region = "eu-central-1" }}
# #     {{ kind = "file", path = "ml-dsa.pem" }}       PKCS#8 or OpenSSH; left out: init's
# Each may have a role = "…" that auditors know its key by; left out: operator.
# A token's PIN: SHREDDER_PKCS11_PIN, or it is asked for on the terminal.

# --- Keys of datasets: `shredder key create`, `seal`, `open` --------------------------------

# [keys]
# file = "/srv/keys/slots"                 # left out: in the state directory
# erasure = "best-effort"                  # also where a key cannot be overwritten in place
# wrapping = "keyring"                     # the session's; left out: a passphrase, if there is one
# A passphrase that wraps them: SHREDDER_KEYS_PASSPHRASE.
# # or: store = "pkcs11", module = "/usr/lib/softhsm/libsofthsm2.so", label = "a"
# A token's PIN: SHREDDER_KEYS_PIN.
# # or: store = "aws-kms", region = "eu-central-1", window_days = 7   # 30, if left out
# # or: store = "vault", address = "https://127.0.0.1:8200", ca_file = "ca.pem"
# A server's access token: SHREDDER_KEYS_ACCESS_TOKEN, or access_file = "…", which an agent renews.

# --- Transparency log: both envelopes of every run, for witnesses to sign ------------------

# [log]
# origin = "example.org/shredder-log"      # the log's name, in auditors' policies for ever
# witnesses = []                           # verifier keys of witnesses, name+id+key
# folder = "log"                           # where witnesses can read it; left out: in the state
"""
