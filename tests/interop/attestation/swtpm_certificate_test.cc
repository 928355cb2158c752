// The EK certificate that swtpm_setup makes, with its critical subject alternative name and its own
// local CA, and the public area of the same EK as tpm2-tools would show it.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "cloud/security/attestation/ek_certificate.h"
#include "common/base/clock.h"
#include "tests/interop/attestation/program.h"

namespace pavise::attestation {
namespace {

using interop::read_file;
using interop::run_program;
using interop::TemporaryFolder;

TEST(SwtpmCertificate, LeadsToItsLocalCa) {
  const TemporaryFolder folder;
  for (const char* name : {"ca", "state", "out"})
    std::filesystem::create_directory(folder.path(name));
  const std::string ca = folder.path("ca");
  const std::string ca_config =
      folder.write("localca.conf", as_bytes("statedir = " + ca + "\nsigningkey = " + ca +
                                            "/signkey.pem\nissuercert = " + ca +
                                            "/issuercert.pem\ncertserial = " + ca + "/serial\n"));
  const std::string options = folder.write(
      "localca.options",
      as_bytes("--platform-manufacturer Pavise\n--platform-version 1\n--platform-model test\n"));
  const std::string config = folder.write(
      "setup.conf",
      as_bytes("create_certs_tool = swtpm_localca\ncreate_certs_tool_config = " + ca_config +
               "\ncreate_certs_tool_options = " + options + "\nactive_pcr_banks = sha256\n"));
  ASSERT_EQ(run_program({"swtpm_setup", "--tpm2", "--tpmstate", folder.path("state"), "--config",
                         config, "--create-ek-cert", "--write-ek-cert-files", folder.path("out")},
                        folder.path("log")),
            0)
      << as_text(read_file(folder.path("log")));

  Bytes anchors = read_file(ca + "/swtpm-localca-rootca-cert.pem");
  append(anchors, read_file(ca + "/issuercert.pem"));
  const auto roots = VendorRoots::parse_pem(anchors);
  ASSERT_TRUE(roots) << roots.error().message();
  const Bytes certificate = read_file(folder.path("out/ek-rsa2048.crt"));
  const UnixSeconds now_s = SystemClock().now_s();
  const auto ek = verify_ek_certificate(certificate, {}, *roots, now_s);
  ASSERT_TRUE(ek) << ek.error().message();
  EXPECT_EQ(ek->model, "swtpm");
  EXPECT_EQ(ek->issuer, "CN=swtpm-localca");

  // Its P-384 certificate leads there, too: for TPMs that have no other.
  const auto other =
      verify_ek_certificate(read_file(folder.path("out/ek-secp384r1.crt")), {}, *roots, now_s);
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ(other->issuer, "CN=swtpm-localca");
}

}  // namespace
}  // namespace pavise::attestation
