#include "cli/app/new_app.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "cli/app/files.h"
#include "cli/app/sdk.h"
#include "protocol/erofs/testing/images.h"

namespace pavise::cli::app {
namespace {

using erofs::testing::Folder;

class NewAppTest : public ::testing::Test {
 protected:
  NewAppRequest request(const std::string& template_name) const {
    return {.name = "blink",
            .template_name = template_name,
            .tenant = TenantId::parse("home"),
            .folder = folder / "blink",
            .sdk = "sdk"};
  }
  static std::string refusal(const NewAppRequest& from) {
    const auto made = make_app(from);
    return made ? "made" : std::string(made.error().code()) + " " + made.error().detail();
  }
  std::string text_of(const std::string& name) const {
    const auto bytes = read_whole(folder / ("blink/" + name), kTemplateFileBytesMax);
    return bytes ? std::string(as_text(*bytes)) : std::string();
  }

  Folder folder;
};

TEST_F(NewAppTest, EachTemplateIsFilledIn) {
  for (const auto& [name, files] : std::initializer_list<std::pair<const char*, std::size_t>>{
           {"telemetry", 5}, {"gpio", 5}, {"cpp-minimal", 5}, {"tls-server", 11}}) {
    const auto made = make_app(request(name));
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->manifest.name, "blink");
    const std::string id = made->manifest.component_id.text();
    EXPECT_EQ(id[14], '4') << id;
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    EXPECT_EQ(made->files.size(), files) << name;
    for (const std::string& file : made->files) {
      EXPECT_FALSE(text_of(file).empty()) << file;
      EXPECT_EQ(text_of(file).find('@'), std::string::npos) << file;
    }
    std::filesystem::remove_all(folder / "blink");
    EXPECT_NE(make_app(request(name))->manifest.component_id, made->manifest.component_id);
    std::filesystem::remove_all(folder / "blink");
  }
}

TEST_F(NewAppTest, NothingIsWrittenOverWhatIsThere) {
  folder.write("blink/main.c", "mine");
  EXPECT_EQ(refusal(request("telemetry")), "PV-APP-011 " + (folder / "blink").string());
  EXPECT_EQ(text_of("main.c"), "mine");
}

TEST_F(NewAppTest, NamesAreThoseOfManifests) {
  NewAppRequest bad = request("cpp-minimal");
  for (const char* name : {"", "Blink", "../blink", "a b", R"(x","version":"1.0.0)", "@NAME@"}) {
    bad.name = name;
    EXPECT_TRUE(refusal(bad).starts_with("PV-MAN-")) << name << ": " << refusal(bad);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "blink"));
}

TEST_F(NewAppTest, TemplatesAreThoseOfTheSdk) {
  for (const char* name : {"", ".", "..", "../templates/telemetry", "/etc", "unknown"})
    EXPECT_EQ(refusal(request(name)), "PV-APP-010 " + std::string(name));
  NewAppRequest nobodys = request("telemetry");
  nobodys.tenant.reset();
  EXPECT_EQ(refusal(nobodys), "PV-APP-013 ");
  nobodys.template_name = "cpp-minimal";
  EXPECT_EQ(refusal(nobodys), "made");
}

TEST(FindSdk, AsNamedOrBesideTheProgram) {
  ::unsetenv("PAVISE_SDK");
  EXPECT_EQ(find_sdk("sdk").value(), std::filesystem::absolute("sdk"));
  EXPECT_TRUE(find_sdk("cli").error().is(kNoSdk));
  EXPECT_TRUE(find_sdk({}).error().is(kNoSdk));  // this test stands elsewhere
  ::setenv("PAVISE_SDK", "sdk", 1);
  EXPECT_EQ(find_sdk({}).value(), std::filesystem::absolute("sdk"));
  ::unsetenv("PAVISE_SDK");
}

}  // namespace
}  // namespace pavise::cli::app
