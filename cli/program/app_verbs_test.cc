// Whole command lines of `pavise app`; no server is asked.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "cli/app/files.h"
#include "cli/app/owner_key.h"
#include "cli/app/testing/elf_files.h"
#include "cli/program/program.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr const char* kSmallest = "protocol/manifest/testdata/good/smallest.json";
constexpr const char* kEverything = "protocol/manifest/testdata/good/everything.json";

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class AppVerbs : public ::testing::Test {
 protected:
  AppVerbs() {
    std::string pattern = ::testing::TempDir() + "pavise-cli-app-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    setenv("PAVISE_CONTEXT", (folder / "contexts.json").c_str(), 1);
  }
  ~AppVerbs() override {
    unsetenv("PAVISE_CONTEXT");
    std::filesystem::remove_all(folder);
  }

  static Outcome run(const std::vector<std::string>& arguments) {
    Outcome outcome{};
    Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                    .err = [&](std::string_view text) { outcome.err += text; }};
    std::vector<const char*> raw;
    raw.reserve(arguments.size());
    for (const std::string& argument : arguments) raw.push_back(argument.c_str());
    outcome.code = run_program(raw, streams);
    return outcome;
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return folder / name;
  }

  std::filesystem::path folder;
};

TEST_F(AppVerbs, CheckSaysInWordsWhatIsGranted) {
  const Outcome all = run({"app", "check", kEverything});
  EXPECT_EQ(all.code, 0);
  EXPECT_TRUE(all.out.starts_with(
      "fridge-monitor 1.20.9999, component 6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e02\nIt may:\n"
      "  connect by TCP to hub.example.com, port 8883\n"))
      << all.out;
  EXPECT_NE(all.out.find("Everything else is denied.\n"), std::string::npos);
  const Outcome nothing = run({"app", "check", kSmallest});
  EXPECT_NE(nothing.out.find("It may do nothing outside of its own memory.\n"), std::string::npos);
}

TEST_F(AppVerbs, CheckRefusesWithPlaceAndNextStep) {
  const std::string bad = file("bad.json", R"({"schema_version":1,"policy":{}})");
  const Outcome outcome = run({"app", "check", bad});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, bad +
                             ": PV-MAN-005: the manifest lacks a member (/component_id: absent)\n"
                             "next:  Add it.\n");
  const Outcome as_json = run({"app", "check", bad, "-o", "json"});
  EXPECT_EQ(as_json.code, 6);
  const json::value answer = json::parse(as_json.out);
  EXPECT_EQ(answer.at("valid"), json::value(false));
  EXPECT_EQ(answer.at("manifests").at(0).at("error").at("pointer").as_string(), "/component_id");
  EXPECT_EQ(run({"app", "check", folder / "absent.json"}).code, 1);
  EXPECT_EQ(run({"app", "check"}).code, 2);
}

TEST_F(AppVerbs, CheckSaysWhichAppsCannotLiveTogether) {
  EXPECT_EQ(run({"app", "check", kSmallest, kEverything}).code, 0);
  const Outcome twice = run({"app", "check", kSmallest, kSmallest});
  EXPECT_EQ(twice.code, 6);
  EXPECT_NE(twice.err.find("together: PV-MAN-020: two apps have one component id or one name "
                           "(a and a: component id"),
            std::string::npos)
      << twice.err;
  EXPECT_EQ(run({"app", "check", kSmallest, kSmallest, "--apart"}).code, 0);
  const json::value answer =
      json::parse(run({"app", "check", kSmallest, kSmallest, "-o", "json"}).out);
  EXPECT_EQ(answer.at("conflicts").at(0).at("code").as_string(), "PV-MAN-020");
}

TEST_F(AppVerbs, CheckTakesAFolderForItsManifest) {
  std::filesystem::copy_file(kSmallest, folder / "app_manifest.json");
  EXPECT_EQ(run({"app", "check", folder}).out, run({"app", "check", kSmallest}).out);
}

TEST_F(AppVerbs, CheckKnowsAManifestOfAzureSphere) {
  const std::string theirs = "cli/app/testdata/corpus/convert_fuzz/everything.json";
  const Outcome outcome = run({"app", "check", theirs});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_NE(outcome.err.find("next:  It looks like one of Azure Sphere; make one of it: pavise app "
                             "convert " +
                             theirs),
            std::string::npos)
      << outcome.err;
}

// As a device does: both run, and the connection is refused when it is asked for.
TEST_F(AppVerbs, AOneSidedConnectionIsAdvice) {
  const auto manifest = [this](const std::string& name, const std::string& digit,
                               const std::string& peers) {
    return file(name + ".json",
                R"({"schema_version":1,"name":")" + name +
                    R"(","component_id":"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0)" + digit +
                    R"(","version":"1.0.0","entry_point":"/a","capabilities":{)" + peers +
                    R"(},"budgets":{"memory_kib":256,"cpu_percent":1,"processes":1}})");
  };
  const std::string asks =
      manifest("asks", "1", R"("app_connections":["6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e02"])");
  const std::string hears = manifest("hears", "2", "");
  const Outcome outcome = run({"app", "check", asks, hears});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(
      outcome.err,
      "they run, but cannot connect: PV-MAN-023: an app wants a connection that its peer does "
      "not list (asks and hears: only asks lists it)\n"
      "next:  List each app in the other's app_connections.\n");
  const json::value answer = json::parse(run({"app", "check", asks, hears, "-o", "json"}).out);
  EXPECT_EQ(answer.at("valid"), json::value(true));
  EXPECT_TRUE(answer.at("conflicts").as_array().empty());
  EXPECT_EQ(answer.at("advice").at(0).at("code").as_string(), "PV-MAN-023");
}

TEST_F(AppVerbs, KeyShowTakesThePublicHalfItself) {
  const std::string key = folder / "owner.pem";
  ASSERT_EQ(run({"app", "key", "create", key}).code, 0);
  EXPECT_EQ(run({"app", "key", "show", key + ".pub"}).out, run({"app", "key", "show", key}).out);
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  EXPECT_NE(run({"app", "key", "show", key}).err.find("PV-APP-006"), std::string::npos);
}

// The next command line names what the context does not.
TEST_F(AppVerbs, NewSaysWhatBuildHasToBeTold) {
  const auto made = [this](const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> line{"app",   "new", name,    "--template", "cpp-minimal",
                                  "--sdk", "sdk", "--out", folder / name};
    line.insert(line.end(), more.begin(), more.end());
    const std::string err = run(line).err;
    const std::string begin = "Next: pavise app build " + (folder / name).string();
    EXPECT_TRUE(err.starts_with(begin)) << err;
    return err.substr(std::min(begin.size(), err.size()));
  };
  const std::string make_key = "   (a key: pavise app key create owner.pem)\n";
  EXPECT_EQ(made("a", {}), " --key owner.pem --tenant TENANT" + make_key);
  EXPECT_EQ(made("b", {"--tenant", "home"}), " --key owner.pem --tenant home" + make_key);
  Contexts contexts;
  contexts.current = "run";
  contexts.all["run"] = {.url = "https://127.0.0.1:1",
                         .ca = "ca.pem",
                         .token = "t",
                         .app_key = folder / "owner.pem",
                         .app_tenant = "home"};
  ASSERT_TRUE(save_contexts(context_path(), contexts));
  EXPECT_EQ(made("c", {}), "\n");
  EXPECT_EQ(made("d", {"--tenant", "home"}), "\n");
  EXPECT_EQ(made("e", {"--tenant", "other"}), " --tenant other\n");
}

TEST_F(AppVerbs, BuildSaysWhatIsMissing) {
  const std::string key = folder / "owner.pem";
  ASSERT_EQ(run({"app", "key", "create", key}).code, 0);
  const auto refusal = [&key](const std::string& of) {
    return run({"app", "build", of, "--key", key, "--tenant", "home", "--sdk", "sdk"}).err;
  };
  EXPECT_NE(refusal(folder / "no")
                .find("PV-APP-001: the folder is not that of an app (" + (folder / "no").string() +
                      " is no folder)"),
            std::string::npos);
  std::filesystem::copy_file(kSmallest, folder / "app_manifest.json");
  file("CMakeLists.txt", "");
  const std::string path = getenv("PATH");
  setenv("PATH", folder.c_str(), 1);
  const std::string without_cmake = refusal(folder);
  setenv("PATH", path.c_str(), 1);
  EXPECT_NE(without_cmake.find("PV-APP-032"), std::string::npos) << without_cmake;
}

TEST_F(AppVerbs, ProgramsGetNoNotesBesidesTheAnswer) {
  Contexts contexts;
  contexts.current = "run";
  contexts.all["run"] = {.url = "https://127.0.0.1:1",
                         .ca = "ca.pem",
                         .token = "t",
                         .app_key = "k.pem",
                         .app_tenant = "home"};
  ASSERT_TRUE(save_contexts(context_path(), contexts));
  const Outcome outcome = run({"app", "build", folder / "no", "-o", "json"});
  EXPECT_EQ(json::parse(outcome.err).at("error").at("code").as_string(), "PV-APP-001");
}

TEST_F(AppVerbs, ConvertPrintsAManifestAndSaysWhatBecameOfTheRest) {
  const std::string from = "cli/app/testdata/corpus/convert_fuzz/everything.json";
  const Outcome printed = run({"app", "convert", from, "--tenant", "home"});
  ASSERT_EQ(printed.code, 0) << printed.err;
  EXPECT_TRUE(printed.out.starts_with("{\n  \"schema_version\": 1,\n"));
  EXPECT_TRUE(printed.err.starts_with("For you to decide:\n")) << printed.err;
  EXPECT_NE(printed.err.find("Without an equivalent:\n"), std::string::npos);
  EXPECT_NE(printed.err.find("Better now:\n"), std::string::npos);
  const std::string out = folder / "app_manifest.json";
  const Outcome written = run({"app", "convert", from, "--tenant", "home", "--out", out});
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(run({"app", "check", out}).code, 0);
  EXPECT_EQ(run({"app", "convert", kSmallest}).code, 1);
  EXPECT_EQ(run({"app", "convert", from, "--app-version", "one"}).code, 2);
}

class AppPackages : public AppVerbs {
 protected:
  AppPackages() {
    std::filesystem::create_directories(folder / "blink/root/app");
    file(
        "blink/app_manifest.json",
        R"({"schema_version":1,"name":"blink","component_id":"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01",)"
        R"("version":"1.2.3","entry_point":"/app/blink","capabilities":{"gpio":["LED"]},)"
        R"("budgets":{"memory_kib":1024,"cpu_percent":10,"processes":2}})");
    const std::string program = file("blink/root/app/blink", app::testing::elf_file());
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }
  std::string path(const std::string& name) const { return folder / name; }
  Outcome build() const {
    return run({"app", "build", path("blink"), "--key", path("owner.pem"), "--tenant", "home"});
  }
};

TEST_F(AppPackages, AreBuiltFromAFolderAndShown) {
  const Outcome key = run({"app", "key", "create", path("owner.pem")});
  EXPECT_EQ(key.code, 0) << key.err;
  EXPECT_NE(key.err.find("Keep a copy of the key"), std::string::npos);
  EXPECT_EQ(run({"app", "key", "create", path("owner.pem")}).code, 1);
  const Outcome built = build();
  ASSERT_EQ(built.code, 0) << built.err;
  EXPECT_NE(built.out.find("signature          new\n"), std::string::npos) << built.out;
  EXPECT_NE(build().out.find("signature          kept: nothing has changed\n"), std::string::npos);

  const std::string package = path("blink/blink.pvimage");
  const Outcome shown = run({"app", "show", package, "--owner-key", path("owner.pem.pub")});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("signature          good, by that key\n"), std::string::npos)
      << shown.out;
  EXPECT_NE(shown.out.find("It may:\n  read and drive the pin LED\n"), std::string::npos);
  EXPECT_NE(shown.out.find("0755  64         /app/blink\n"), std::string::npos);
  EXPECT_NE(run({"app", "show", package}).out.find("not checked"), std::string::npos);
  const json::value facts = json::parse(run({"app", "show", package, "-o", "json"}).out);
  EXPECT_EQ(facts.at("signature_checked"), json::value(false));
  EXPECT_EQ(facts.at("needs").at(0).at("name").as_string(), "pavise-app");
}

TEST_F(AppPackages, AreRefusedWhenTheyAreNotWhatTheOwnerSigned) {
  ASSERT_EQ(run({"app", "key", "create", path("owner.pem")}).code, 0);
  ASSERT_EQ(run({"app", "key", "create", path("other.pem")}).code, 0);
  ASSERT_EQ(build().code, 0);
  const std::string package = path("blink/blink.pvimage");
  const Outcome other = run({"app", "show", package, "--owner-key", path("other.pem.pub")});
  EXPECT_EQ(other.code, 6);
  EXPECT_NE(other.err.find("PV-IMG-005"), std::string::npos);
  {
    std::fstream content(package, std::ios::in | std::ios::out | std::ios::binary);
    content.seekp(-1, std::ios::end);
    content.put('x');
  }
  const Outcome damaged = run({"app", "show", package});
  EXPECT_EQ(damaged.code, 6);
  EXPECT_NE(damaged.err.find("PV-IMG-009"), std::string::npos) << damaged.err;
  EXPECT_EQ(run({"app", "show", path("absent")}).code, 1);
}

TEST_F(AppPackages, AreSignedByWhatTheContextNames) {
  ASSERT_EQ(run({"app", "key", "create", path("owner.pem")}).code, 0);
  Contexts contexts;
  contexts.current = "run";
  contexts.all["run"] = {.url = "https://h", .ca = "", .token = "", .app_key = path("owner.pem")};
  ASSERT_TRUE(save_contexts(context_path(), contexts));
  const Outcome no_tenant = run({"app", "build", path("blink")});
  EXPECT_EQ(no_tenant.code, 2);
  EXPECT_NE(no_tenant.err.find("PV-CLI-019"), std::string::npos) << no_tenant.err;
  EXPECT_NE(no_tenant.err.find("(no tenant)"), std::string::npos) << no_tenant.err;
  contexts.all["run"].app_tenant = "home";
  ASSERT_TRUE(save_contexts(context_path(), contexts));
  const Outcome said = run({"app", "build", path("blink")});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err, "As the context says: key " + path("owner.pem") + ", tenant home\n");
  const Outcome built = run({"app", "build", path("blink"), "-o", "json"});
  EXPECT_EQ(built.err, "") << "programs get the answer alone";
  EXPECT_EQ(json::parse(built.out).at("tenant").as_string(), "home");
  EXPECT_EQ(run({"app", "build", path("blink"), "--tenant", "other"}).err,
            "As the context says: key " + path("owner.pem") + "\n");
  EXPECT_EQ(build().err, "") << "all of it was said";
}

TEST_F(AppPackages, ABuildThatCannotBeSaysWhy) {
  const Outcome unsigned_build = run({"app", "build", path("blink")});
  EXPECT_EQ(unsigned_build.code, 2);
  EXPECT_NE(unsigned_build.err.find("PV-CLI-019"), std::string::npos) << unsigned_build.err;
  ASSERT_EQ(run({"app", "key", "create", path("owner.pem")}).code, 0);
  const Outcome tenant =
      run({"app", "build", path("blink"), "--key", path("owner.pem"), "--tenant", "Home"});
  EXPECT_EQ(tenant.code, 2);
  std::filesystem::create_symlink("/etc/passwd", folder / "blink/root/link");
  const Outcome link = build();
  EXPECT_EQ(link.code, 6);
  EXPECT_EQ(link.err,
            "error: PV-IMG-022: a symbolic link of the image is absolute or leaves the image "
            "(/link)\nnext:  Point it at a file below, or with leading ../ only within the "
            "image.\n");
}

TEST_F(AppPackages, AGrantNamesOneDeviceAndOneAppForSomeHours) {
  ASSERT_EQ(run({"app", "key", "create", path("owner.pem")}).code, 0);
  const std::string device(64, 'a');
  const auto create = [&](const std::string& app, const std::string& hours) {
    return run({"app", "grant", "create", "--device", device, "--app", app, "--key",
                path("owner.pem"), "--hours", hours, "--out", path("blink.grant"), "-o", "json"});
  };
  for (const std::string& app : {path("blink"), path("blink/app_manifest.json"),
                                 std::string("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01")}) {
    const Outcome made = create(app, "2");
    ASSERT_EQ(made.code, 0) << made.err;
    const json::value said = json::parse(made.out);
    EXPECT_EQ(said.at("component_id").as_string(), "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01");
    EXPECT_EQ(said.at("not_after").as_int64() - said.at("not_before").as_int64(), 2 * 3600 + 300);
    const auto bytes = app::read_whole(path("blink.grant"), 4096);
    const auto key = app::read_public_key(path("owner.pem.pub"));
    ASSERT_TRUE(bytes && key);
    const auto grant = dev_grant::Grant::parse(*bytes);
    ASSERT_TRUE(grant) << grant.error().message();
    EXPECT_TRUE(grant->accept(std::span(&*key, 1), *DeviceId::parse(device),
                              said.at("not_after").as_int64() - 1));
  }
  EXPECT_EQ(create(path("blink"), "719").code, 0);
  EXPECT_EQ(create(path("blink"), "720").code, 2);
  EXPECT_EQ(create(path("blink"), "0").code, 2);
  EXPECT_EQ(create(path("absent"), "2").code, 1);
}

}  // namespace
}  // namespace pavise::cli
