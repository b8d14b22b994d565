"""Signers that hold no key: a PKCS#11 token, AWS KMS, an SSH agent.

Each asks another part for the signature and checks it before it is used. Their drivers load only
when one is opened.
"""
