"""The verifier in the browser, in a real one."""
