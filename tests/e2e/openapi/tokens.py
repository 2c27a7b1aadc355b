"""A token for each request of Schemathesis, as a registered client signs it: each is good once."""

import os
import time
import uuid
from pathlib import Path

import jwt
import schemathesis

KEY = Path(os.environ["OPENAPI_KEY"]).read_text()


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
        return jwt.encode(claims, KEY, algorithm="ES384", headers={"kid": "k1"})

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
