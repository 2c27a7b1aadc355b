"""A client's key and its tokens, signed RS384, for ledger.py and hostile.py. The key is made for one run and is worth nothing outside it."""

import base64
import hashlib
import itertools
import json
import random
import time

# DigestInfo of SHA-384 (RFC 8017, 9.2, note 1).
SHA384 = bytes.fromhex("3041300d060960864801650304020205000430")
ISSUER = "https://ehr.example"
PUBLIC_URL = "https://cds.plan.example"
AUDIENCE = f"{PUBLIC_URL}/cds-services/sacroiliac-joint-interventions"
SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def probably_prime(number, chance):
    """Miller and Rabin's test, twenty times."""
    if any(number % small == 0 for small in SMALL):
        return False
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    for _ in range(20):
        value = pow(chance.randrange(2, number - 1), (number - 1) >> twos, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def prime(chance):
    """Of 1,024 bits, the upper two set, and fit for the exponent 65537."""
    while True:
        number = chance.getrandbits(1024) | (3 << 1022) | 1
        if number % 65537 != 1 and probably_prime(number, chance):
            return number


class Signer:
    """An RSA key of 2,048 bits."""

    def __init__(self, seed, issuer=ISSUER):
        self.issuer = issuer
        chance = random.Random(seed)
        self.p, self.q = prime(chance), prime(chance)
        self.modulus = self.p * self.q
        self.exponent = pow(65537, -1, (self.p - 1) * (self.q - 1))
        self.ids, self.run = itertools.count(), base64url(chance.randbytes(9))

    def key_set(self):
        return json.dumps({"keys": [{"kty": "RSA", "kid": "ledger", "use": "sig", "e": "AQAB", "n": base64url(self.modulus.to_bytes(256, "big"))}]})

    def sign(self, message):
        padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(SHA384) - 48) + b"\x00" + SHA384 + hashlib.sha384(message).digest()
        number = int.from_bytes(padded, "big")
        # By the two primes apart, which is four times as fast.
        of_p = pow(number % self.p, self.exponent % (self.p - 1), self.p)
        of_q = pow(number % self.q, self.exponent % (self.q - 1), self.q)
        signature = of_q + self.q * ((of_p - of_q) * pow(self.q, -1, self.p) % self.p)
        return signature.to_bytes(256, "big")

    def token(self, audience=AUDIENCE):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300, "jti": f"{self.run}-{next(self.ids)}"}
        parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "RS384", "typ": "JWT", "kid": "ledger"}, claims)]
        message = ".".join(parts).encode()
        return f"{message.decode()}.{base64url(self.sign(message))}"
