/* What the probe does with certificates: one app with the grant, or one without. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pavise/certificates.h>
#include <pavise/log.h>
#include <pavise/storage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sdk/testing/probe.h"

/* Nobody's: CN=plant, by itself. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB+zCCAaGgAwIBAgIUKs3md2sEHSwh6mTXteOsSShzd+QwCgYIKoZIzj0EAwIw\n"
    "UzELMAkGA1UEBhMCQ0gxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xDjAMBgNVBAMM\n"
    "BXBsYW50MRwwGgYJKoZIhvcNAQkBFg1hQGV4YW1wbGUuY29tMB4XDTI2MTEyNjEz\n"
    "MjUwMloXDTM2MTEyMzEzMjUwMlowUzELMAkGA1UEBhMCQ0gxFjAUBgNVBAoMDUV4\n"
    "YW1wbGUsIEluYy4xDjAMBgNVBAMMBXBsYW50MRwwGgYJKoZIhvcNAQkBFg1hQGV4\n"
    "YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWPBuWWJKNrO9wUGs\n"
    "xWYnLP6BqkX4Wjjbm8mz4dGFLy1R0EnXamVc2hqVXU3ZzD9i9SrZS8CR2XHY4PD+\n"
    "fYTF9KNTMFEwHQYDVR0OBBYEFHfF5rIPyKHPF2QddczSTqtuS1GNMB8GA1UdIwQY\n"
    "MBaAFHfF5rIPyKHPF2QddczSTqtuS1GNMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI\n"
    "zj0EAwIDSAAwRQIhAPTmYuPQkJV6O2RHQ26wUzNZ8GPkaa52vWBX5Q1zJUz9AiAN\n"
    "7MYoSiPXIN2HAB7tvNH6AmXM2jpIBze3tDoJiES3MA==\n"
    "-----END CERTIFICATE-----\n";

static int install(const char* id, const char* key) {
  return pavise_certificates_install_client(id, certificate, sizeof certificate - 1, key,
                                            strlen(key));
}

static int install_root(const char* id) {
  return pavise_certificates_install_root_ca(id, certificate, sizeof certificate - 1);
}

static void list(void) {
  char ids[PAVISE_CERTIFICATES_MAX][PAVISE_CERTIFICATE_ID_BYTES_MAX + 1];
  const int count = pavise_certificates_list(ids);
  if (count < 0) {
    say("list", count);
    return;
  }
  char text[PAVISE_CERTIFICATES_MAX * sizeof *ids + 1] = "";
  for (int i = 0; i < count; ++i) strcat(strcat(text, " "), ids[i]);
  pavise_log(PAVISE_LOG_INFO, "has%s, room for %d", text, pavise_certificates_available());
}

static void tell(const char* id) {
  static struct pavise_certificate about;
  static struct pavise_credential credential;
  const int outcome = pavise_certificates_describe(id, &about);
  if (outcome < 0) {
    say(id, outcome);
    return;
  }
  say("load", pavise_certificates_load(id, &credential));
  pavise_log(PAVISE_LOG_INFO, "%s: %s until %" PRId64 ", key %s", id, about.subject,
             about.not_after_s, (const char*)credential.key);
  pavise_credential_wipe(&credential);
}

/* Whatever the quota lets it write, past the SDK; it stays. */
static void fill(const char* folder) {
  char path[64];
  snprintf(path, sizeof path, "%s/.filler", folder);
  const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    say("fill", -errno);
    return;
  }
  static const char bytes[1024] = "x";
  while (write(file, bytes, sizeof bytes) > 0) {
  }
  say("fill", errno == EDQUOT ? -ENOSPC : -errno);
  fsync(file);
  close(file);
}

void try_certificates(void) {
  list(); /* of the start before */
  tell("own");
  say("install", install("own", "first"));
  say("root", install_root("plant-ca"));
  say("next", install("next", "second"));
  tell("own");
  say("move", pavise_certificates_move("next", "own"));
  tell("own");
  list();
  say("other kind", install_root("own"));
  say("no certificate", pavise_certificates_install_root_ca("bad", "text", 4));
  say("delete", pavise_certificates_delete("plant-ca"));
  list();
  /* Until the store is full; then nothing is left of it that replacing would need. */
  char id[8];
  int outcome = 0;
  for (int i = 0; outcome == 0; ++i) {
    snprintf(id, sizeof id, "ca-%d", i);
    outcome = install_root(id);
  }
  say(id, outcome);
  say("delete", pavise_certificates_delete("ca-0"));
  const char* const folder = getenv("PAVISE_CERTIFICATES");
  fill(folder ? folder : "/certificates");
  say("above the quota", install_root("ca-0"));
  say("replace", install("own", "third"));
  tell("own");
  list();
  say("storage", pavise_storage_replace("file", "x", 1));
  pavise_log(PAVISE_LOG_INFO, "certificates: over");
}
