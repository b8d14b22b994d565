# What shredder may do in the transit engine at `transit`, and nothing else.
path "transit/keys/shredder-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "transit/encrypt/shredder-*" {
  capabilities = ["update"]
}
path "transit/decrypt/shredder-*" {
  capabilities = ["update"]
}
