"""Makes a client's key in a folder: `key.pem` to sign with, and `keys.json` as the service reads it."""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

folder = Path(sys.argv[1])
key = ec.generate_private_key(ec.SECP384R1())
pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
(folder / "key.pem").write_bytes(pem)
public = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "use": "sig"}
(folder / "keys.json").write_text(json.dumps({"keys": [public]}))
