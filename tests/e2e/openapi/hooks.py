"""What Schemathesis cannot know: how a client signs a token, which is good once, and what the document cannot say."""

import os
import time
import uuid
from pathlib import Path

import jwt
import schemathesis

KEY = os.environ.get("OPENAPI_KEY")


@schemathesis.hook
def filter_body(context, body):
    """A prefetch is looked at only where an order is in scope, and hardly any made-up order is: such a call with a prefetch of
    the wrong type is answered without cards. That it is refused where one is in scope is held by `tests/it/invariants.rs`."""
    return not isinstance(body, dict) or isinstance(body.get("prefetch"), (dict, type(None)))


if KEY:

    @schemathesis.auth(refresh_interval=None)
    class ClientToken:
        def get(self, case, context):
            now = int(time.time())
            claims = {
                "iss": "https://ehr.example",
                "aud": "https://cds.plan.example/cds-services",
                "iat": now,
                "exp": now + 300,
                "jti": str(uuid.uuid4()),
            }
            return jwt.encode(claims, Path(KEY).read_text(), algorithm="ES384", headers={"kid": "k1"})

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"
