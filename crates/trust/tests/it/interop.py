"""Reads a bundle as a stranger would: securesystemslib for envelopes, in-toto-attestation for statements.

Usage: interop.py BUNDLE PUBLIC_KEY_PEM. Prints the predicate type of each statement that holds.
"""

import json
import sys

import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance
import in_toto_attestation.v1.statement_pb2 as statement_pb2
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def main(bundle: str, pem: str) -> None:
    with open(pem, "rb") as file:
        public = load_pem_public_key(file.read())
    digest = Hash(SHA256())
    digest.update(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    key = SSlibKey.from_crypto(public, keyid=digest.finalize().hex())
    with open(bundle, encoding="utf-8") as file:
        for line in file:
            envelope = Envelope.from_dict(json.loads(line))
            envelope.verify([key], threshold=1)
            assert envelope.payload_type == "application/vnd.in-toto+json", envelope.payload_type
            message = json_format.Parse(envelope.payload, statement_pb2.Statement())
            Statement.copy_from_pb(message).validate()
            if message.predicate_type == "https://slsa.dev/provenance/v1":
                # Unknown members and wrong types are errors here.
                json_format.ParseDict(json_format.MessageToDict(message.predicate), provenance.Provenance())
            print(message.predicate_type)


main(*sys.argv[1:])
