#include "cli/app/build.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <set>

#include "cli/app/debugger.h"
#include "cli/app/files.h"
#include "cli/app/owner_key.h"
#include "cli/app/testing/elf_files.h"
#include "protocol/erofs/testing/images.h"

namespace pavise::cli::app {
namespace {

using erofs::testing::Folder;

std::string manifest(const std::string& tenant = "home") {
  return R"({"schema_version":1,"name":"blink","component_id":"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01",)"
         R"("version":"1.2.3","entry_point":"/app/blink","capabilities":{"device_authentication":")" +
         tenant + R"("},"budgets":{"memory_kib":1024,"cpu_percent":10,"processes":2}})";
}

class Build : public ::testing::Test {
 protected:
  Build() {
    EXPECT_TRUE(create_owner_key(folder / "owner.pem"));
    folder.write("app/app_manifest.json", manifest());
    folder.write("app/root/app/blink", testing::elf_file(), 0755);
    folder.write("app/root/etc/settings.json", "{}");
  }
  BuildRequest request() const {
    return {.folder = folder / "app",
            .key = folder / "owner.pem",
            .tenant = *TenantId::parse("home"),
            .binary = {},
            .sbom = {},
            .out = {},
            .sdk = {},
            .gdbserver = {}};
  }
  std::string refusal(const BuildRequest& from) const {
    const auto outcome = build_package(from);
    return outcome ? "accepted"
                   : std::string(outcome.error().code()) + " " + outcome.error().detail();
  }
  Bytes package() const { return *read_whole(folder / "app/blink.pvimage", 1U << 30U); }

  Folder folder;
};

TEST_F(Build, MakesWhatADeviceAccepts) {
  const auto built = build_package(request());
  ASSERT_TRUE(built) << built.error().message();
  EXPECT_EQ(built->package, folder / "app/blink.pvimage");
  EXPECT_FALSE(built->same_signature);
  const Bytes file = package();
  const std::vector keys{*read_public_key(folder / "owner.pem.pub")};
  const auto opened = image::Package::open(file, file.size(), keys);
  ASSERT_TRUE(opened) << opened.error().message();
  image::ContentVerifier verifier(opened->header());
  EXPECT_TRUE(verifier.feed(ByteView(file).subspan(opened->header().tree_offset())));
  EXPECT_TRUE(verifier.finish());
  EXPECT_TRUE(image::inspect_content(ByteView(file).subspan(opened->header().content_offset()),
                                     opened->manifest().entry_point));
  EXPECT_EQ(opened->header().needs,
            (std::vector<image::AbiNeed>{{"pavise-app", 1}, {"x86-64", 1}}));
  const auto sbom = read_whole(folder / "app/blink.cdx.json", 1U << 20U);
  ASSERT_TRUE(sbom);
  EXPECT_EQ(opened->header().sbom_digest, crypto::sha256(*sbom));
  const auto bom = boost::json::parse(std::string(as_text(*sbom)));
  EXPECT_EQ(bom.at("components").as_array().size(), 2U);
  EXPECT_EQ(bom.at("components").at(0).at("hashes").at(0).at("content").as_string(),
            to_hex(crypto::sha256(as_bytes(testing::elf_file()))));
}

// What is started as /.debug/loader --library-path /.debug/lib /.debug/gdbserver works from the
// image alone; here from the folder of this machine, with the libraries that were chosen.
TEST_F(Build, ADebuggerComesWithWhatItNeeds) {
  if (!std::filesystem::exists("/usr/bin/gdbserver")) GTEST_SKIP() << "needs Debian's gdbserver";
  BuildRequest with = request();
  with.gdbserver = "/usr/bin/gdbserver";
  const auto built = build_package(with);
  ASSERT_TRUE(built) << built.error().message();
  const Bytes file = package();
  std::set<std::string> paths;
  ASSERT_TRUE(erofs::walk(ByteView(file).subspan(built->header.content_offset()),
                          [&](const erofs::Entry& entry) -> Status {
                            if (entry.kind == erofs::Kind::file) paths.emplace(entry.path);
                            return {};
                          }));
  for (const char* path : {"/.debug/gdbserver", "/.debug/loader", "/.debug/lib/libc.so.6",
                           "/.debug/lib/libstdc++.so.6", "/.debug/lib/libthread_db.so.1"})
    EXPECT_TRUE(paths.contains(path)) << path;
  const auto found = find_debugger("/usr/bin/gdbserver");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(paths.size(), found->files.size() + 2) << "the app's two files, and nothing else";
  ASSERT_TRUE(build_package(request()));
  EXPECT_LT(package().size(), file.size()) << "without --debug it is gone";
}

TEST_F(Build, NoDebuggerThatCannotBe) {
  BuildRequest with = request();
  with.gdbserver = folder / "absent";
  EXPECT_EQ(refusal(with).substr(0, 10), "PV-APP-031");
  folder.write("static", testing::elf_file(), 0755);
  with.gdbserver = folder / "static";
  EXPECT_EQ(refusal(with).substr(0, 10), "PV-APP-031");
  folder.write("text", "#!/bin/sh", 0755);
  with.gdbserver = folder / "text";
  EXPECT_EQ(refusal(with).substr(0, 10), "PV-APP-004");
  folder.write("strange", testing::elf_file(EM_X86_64, "/absent/loader"), 0755);
  with.gdbserver = folder / "strange";
  EXPECT_EQ(refusal(with).substr(0, 10), "PV-APP-031");
  if (!std::filesystem::exists("/usr/bin/gdbserver")) return;
  folder.write("app/root/app/blink", testing::elf_file(EM_RISCV), 0755);
  with.gdbserver = "/usr/bin/gdbserver";
  EXPECT_EQ(refusal(with).substr(0, 10), "PV-APP-031") << "for another processor";
}

// The device says in that file where names are resolved; an image that cannot change has to have
// it.
TEST_F(Build, AnAppThatNamesHostsGetsAPlaceForItsResolver) {
  const auto with = [this](const std::string& capability) {
    std::string text = manifest();
    const std::string before = R"({"device_authentication":"home"})";
    text.replace(text.find(before), before.size(), "{" + capability + "}");
    folder.write("app/app_manifest.json", text);
    EXPECT_EQ(refusal(request()), "accepted");
    const auto sbom = read_whole(folder / "app/blink.cdx.json", 1U << 20U);
    return as_text(*sbom).find("\"/etc/resolv.conf\"") != std::string_view::npos;
  };
  EXPECT_FALSE(with(""));
  EXPECT_FALSE(with(R"("outgoing_tcp":["192.0.2.0/24:502"])"));
  EXPECT_TRUE(with(R"("outgoing_tcp":["192.0.2.0/24:502","hub.example.com:8883"])"));
  EXPECT_TRUE(with(R"("outgoing_udp":["*.ntp.example.org:123"])"));
  std::filesystem::remove_all(folder / "app/root/etc");
  EXPECT_TRUE(with(R"("outgoing_udp":["ntp.example.org:123"])"));
  // What the owner has there stays; what is in the way is said.
  folder.write("app/root/etc/resolv.conf", "# mine");
  EXPECT_TRUE(with(R"("outgoing_udp":["ntp.example.org:123"])"));
  EXPECT_NE(as_text(package()).find("# mine"), std::string_view::npos);
  std::filesystem::remove_all(folder / "app/root/etc");
  folder.write("app/root/etc", "a file");
  EXPECT_TRUE(refusal(request()).starts_with("PV-APP-002"));
}

TEST_F(Build, AnAppThatKeepsCertificatesGetsAPlaceForThem) {
  EXPECT_EQ(refusal(request()), "accepted");
  EXPECT_EQ(as_text(package()).find("certificates"), std::string_view::npos);
  std::string text = manifest();
  const std::string before = R"({"device_authentication":"home"})";
  text.replace(text.find(before), before.size(), R"({"certificate_store":true})");
  folder.write("app/app_manifest.json", text);
  EXPECT_EQ(refusal(request()), "accepted");
  EXPECT_NE(as_text(package()).find("certificates"), std::string_view::npos);
  folder.write("app/root/certificates", "a file");
  EXPECT_TRUE(refusal(request()).starts_with("PV-APP-002"));
}

TEST_F(Build, TwiceTheSameGivesTheSameBytes) {
  ASSERT_TRUE(build_package(request()));
  const Bytes first = package();
  // Neither times nor the umask reach the package.
  std::filesystem::last_write_time(folder / "app/root/app/blink",
                                   std::filesystem::file_time_type::clock::now());
  ::chmod((folder / "app/root/app/blink").c_str(), 0700);
  ::chmod((folder / "app/root/etc").c_str(), 0775);
  ::chmod((folder / "app/root/etc/settings.json").c_str(), 0660);
  const auto again = build_package(request());
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->same_signature);
  EXPECT_EQ(package(), first);
  // Elsewhere only the signature differs.
  BuildRequest elsewhere = request();
  elsewhere.out = folder / "other.pvimage";
  ASSERT_TRUE(build_package(elsewhere));
  Bytes other = *read_whole(folder / "other.pvimage", 1U << 30U);
  EXPECT_NE(other, first);
  std::copy_n(first.begin() + image::kSignedBytes, 64, other.begin() + image::kSignedBytes);
  EXPECT_EQ(other, first);
  // A change is signed anew, and so is what another key signed before.
  folder.write("app/root/etc/settings.json", "{ }");
  EXPECT_FALSE(build_package(request())->same_signature);
  ASSERT_TRUE(create_owner_key(folder / "second.pem"));
  BuildRequest second = request();
  second.key = folder / "second.pem";
  EXPECT_FALSE(build_package(second)->same_signature);
}

TEST_F(Build, AProgramAloneIsEnough) {
  std::filesystem::remove_all(folder / "app/root");
  EXPECT_EQ(refusal(request()), "PV-APP-001 " + (folder / "app/root").string() + " is no folder");
  folder.write("out/program", testing::elf_file(EM_AARCH64), 0700);
  BuildRequest with_binary = request();
  with_binary.binary = folder / "out/program";
  const auto built = build_package(with_binary);
  ASSERT_TRUE(built) << built.error().message();
  EXPECT_EQ(built->header.needs[0].name, "aarch64");
  folder.write("bom.json", "{}");
  with_binary.sbom = folder / "bom.json";
  EXPECT_EQ(build_package(with_binary)->header.sbom_digest, crypto::sha256(as_bytes("{}")));
}

// Somebody else's folder may be built; it must not be able to write beside itself.
TEST_F(Build, LinksInTheFolderLeadNowhere) {
  folder.write("program", testing::elf_file(), 0755);
  folder.write("elsewhere/blink", "mine");
  std::filesystem::remove_all(folder / "app/root/app");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "app/root/app");
  BuildRequest with_binary = request();
  with_binary.binary = folder / "program";
  EXPECT_EQ(refusal(with_binary), "PV-IMG-024 /app is no folder, so nothing can be put below it");
  EXPECT_EQ(as_text(*read_whole(folder / "elsewhere/blink", 100)), "mine");

  std::filesystem::remove(folder / "app/root/app");
  for (const char* name : {"app/blink.pvimage", "app/blink.pvimage.partial", "app/blink.cdx.json"})
    std::filesystem::create_symlink(folder / "elsewhere/blink", folder / name);
  ASSERT_TRUE(build_package(with_binary));
  EXPECT_EQ(as_text(*read_whole(folder / "elsewhere/blink", 100)), "mine");
  EXPECT_FALSE(std::filesystem::is_symlink(folder / "app/blink.pvimage"));
}

TEST_F(Build, RefusesWhatADeviceWouldRefuse) {
  folder.write("app/root/su", "x", 04755);
  EXPECT_EQ(refusal(request()), "PV-IMG-021 /su");
  std::filesystem::remove(folder / "app/root/su");
  ASSERT_EQ(::mkfifo((folder / "app/root/pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal(request()), "PV-IMG-020 /pipe");
  std::filesystem::remove(folder / "app/root/pipe");
  std::filesystem::create_symlink("/etc/passwd", folder / "app/root/link");
  EXPECT_EQ(refusal(request()), "PV-IMG-022 /link");
  std::filesystem::remove(folder / "app/root/link");
  folder.write("app/app_manifest.json", manifest("globex"));
  EXPECT_EQ(refusal(request()), "PV-IMG-008 globex");
  folder.write("app/app_manifest.json", "{}");
  EXPECT_EQ(refusal(request()), "PV-MAN-005 /schema_version: absent");
  std::filesystem::remove(folder / "app/app_manifest.json");
  EXPECT_TRUE(refusal(request()).starts_with("PV-APP-001"));
  EXPECT_FALSE(std::filesystem::exists(folder / "app/blink.pvimage"));
}

TEST_F(Build, RefusesProgramsThatCannotRun) {
  folder.write("app/root/app/blink", "#!/bin/sh\n", 0755);
  EXPECT_EQ(refusal(request()), "PV-APP-004 /app/blink: no ELF file");
  folder.write("app/root/app/blink", testing::elf_file(EM_X86_64, "/lib64/ld.so"), 0755);
  EXPECT_EQ(refusal(request()), "PV-APP-005 /lib64/ld.so");
  folder.write("app/root/lib64/ld.so", "loader", 0755);
  EXPECT_EQ(refusal(request()), "accepted");
  folder.write("app/root/app/blink", testing::elf_file(), 0644);
  EXPECT_EQ(refusal(request()), "PV-IMG-024 /app/blink");
}

TEST_F(Build, RefusesProgramsWhoseLibrariesAreElsewhere) {
  folder.write("app/root/app/blink",
               testing::elf_file_with({"libc.so.6", "libx.so.1"}, "/lib/ld.so"), 0755);
  folder.write("app/root/lib/ld.so", "loader", 0755);
  EXPECT_EQ(refusal(request()), "PV-APP-030 libx.so.1");
  folder.write("app/root/lib/libx.so.1.2", testing::elf_file_with({"liby.so.1"}));
  std::filesystem::create_symlink("libx.so.1.2", folder / "app/root/lib/libx.so.1");
  folder.write("app/root/usr/lib/libc.so.6", "a script of the linker's");
  EXPECT_EQ(refusal(request()), "PV-APP-030 liby.so.1");
  folder.write("app/root/opt/liby.so.1", testing::elf_file_with({"libx.so.1", "libc.so.6"}));
  EXPECT_EQ(refusal(request()), "accepted");
  std::filesystem::remove(folder / "app/root/lib/libx.so.1.2");
  EXPECT_EQ(refusal(request()), "PV-APP-030 libx.so.1.2");
  // musl's loader is its C library.
  folder.write("app/root/app/blink",
               testing::elf_file_with({"libc.musl-x86_64.so.1"}, "/lib/ld-musl-x86_64.so.1"), 0755);
  folder.write("app/root/lib/ld-musl-x86_64.so.1", "loader", 0755);
  EXPECT_EQ(refusal(request()), "accepted");
}

TEST_F(Build, TheKeyIsOnesOwn) {
  EXPECT_EQ(::chmod((folder / "owner.pem").c_str(), 0640), 0);
  EXPECT_EQ(refusal(request()), "PV-APP-006 " + (folder / "owner.pem").string());
  EXPECT_EQ(::chmod((folder / "owner.pem").c_str(), 0600), 0);
  folder.write("bad.pem", "no key", 0600);
  BuildRequest bad = request();
  bad.key = folder / "bad.pem";
  EXPECT_TRUE(refusal(bad).starts_with("PV-CRY-003"));
  bad.key = folder / "absent.pem";
  EXPECT_TRUE(refusal(bad).starts_with("PV-APP-002"));
  EXPECT_EQ(create_owner_key(folder / "owner.pem").error().code(), kKeyExists.code);
  struct stat info{};
  ASSERT_EQ(::stat((folder / "owner.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace pavise::cli::app
