// Whole command lines of `pavise app`; no server is asked.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "cli/program/program.h"

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
  }
  ~AppVerbs() override { std::filesystem::remove_all(folder); }

  static Outcome run(const std::vector<std::string>& arguments) {
    Outcome outcome{};
    Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                    .err = [&](std::string_view text) { outcome.err += text; }};
    std::vector<const char*> raw;
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

}  // namespace
}  // namespace pavise::cli
