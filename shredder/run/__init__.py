"""A run: look, plan, approve, announce, execute, look again, attest; resumable at every step."""
