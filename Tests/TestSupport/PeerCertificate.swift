/// Certificates that openssl made once, percent-encoded as Envoy sends them. Each has the subject `CN=peer`
/// behind `O=/ns/subject/x`.
public enum PeerCertificate {
  /// `spiffe://one.example/ns/first/sa/a`, `spiffe://two.example/ns/second/sa/b`, and the DNS names `peer.example`
  /// and `/ns/dns/x`.
  public static let several =
    "-----BEGIN%20CERTIFICATE-----%0AMIIB5zCCAY2gAwIBAgIUaz%2FzpY8i7QxbqRyVcF%2Bo9kQCB0QwCgYIKo"
    + "ZIzj0EAwIw%0ADTELMAkGA1UEAwwCY2EwHhcNMjYxMTI4MjM0MzQ4WhcNMzYxMTI1MjM0MzQ4WjAn%0AMRYwFAYDVQ"
    + "QKDA0vbnMvc3ViamVjdC94MQ0wCwYDVQQDDARwZWVyMFkwEwYHKoZI%0Azj0CAQYIKoZIzj0DAQcDQgAE46MwZxhUm"
    + "nGEt8t6%2BPdSsrQzRzT9OSpdaxQAiRJs%0A6k8vWt8QfcmRjjzYJr7Da00O8AR%2F%2Fb8CJT4gj7MyZNugsqOBsD"
    + "CBrTBrBgNVHREE%0AZDBihiJzcGlmZmU6Ly9vbmUuZXhhbXBsZS9ucy9maXJzdC9zYS9hhiNzcGlmZmU6%0ALy90d2"
    + "8uZXhhbXBsZS9ucy9zZWNvbmQvc2EvYoIMcGVlci5leGFtcGxlggkvbnMv%0AZG5zL3gwHQYDVR0OBBYEFKZURU6eF"
    + "SquX7tiy%2BPu2dYAhWS8MB8GA1UdIwQYMBaA%0AFCrLW566cKjdwLvnOHlBmjurS1V2MAoGCCqGSM49BAMCA0gAME"
    + "UCIEzM%2F2TMXudW%0APDYC1FFrKzKwNicLLxFY1YqPkR%2FgJjUZAiEA80evxPyLG8qFdSGem0jZ%2Br6A3F0I%0A"
    + "OkkTEGxCy6zlsT0%3D%0A-----END%20CERTIFICATE-----%0A"
  /// No alternative name.
  public static let bare =
    "-----BEGIN%20CERTIFICATE-----%0AMIIBLTCB1QIUaz%2FzpY8i7QxbqRyVcF%2Bo9kQCB0UwCgYIKoZIzj0EAw"
    + "IwDTELMAkG%0AA1UEAwwCY2EwHhcNMjYxMTI4MjM0MzQ4WhcNMzYxMTI1MjM0MzQ4WjAnMRYwFAYD%0AVQQKDA0vbn"
    + "Mvc3ViamVjdC94MQ0wCwYDVQQDDARwZWVyMFkwEwYHKoZIzj0CAQYI%0AKoZIzj0DAQcDQgAEqBGzWZy6Du7VTyWSa"
    + "x5V4Toa6uo3%2FY9Rgy6QFPLcKoEa2ICu%0AF8391aj4pGiIs%2FzyUU3zRaoVCLPlY6QXnroWCzAKBggqhkjOPQQD"
    + "AgNHADBEAiBG%0A96tzB0YlYhZ2DiCUtZ78m8SQakvj2HyDaJnt4pijsgIgX9srj2ZvOjm6cBrLOAcR%0A7ooLKxdx"
    + "aOVfDksGCo2PC7Q%3D%0A-----END%20CERTIFICATE-----%0A"
}
