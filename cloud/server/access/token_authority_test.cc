#include "cloud/server/access/token_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "cloud/security/registry/sqlite_registry.h"

namespace pavise::server {
namespace {

using security::Role;

constexpr UnixMillis kStart = 1'795'000'000'000;

class TokenAuthorityTest : public ::testing::Test {
 protected:
  TokenAuthorityTest() {
    std::string pattern = ::testing::TempDir() + "pavise-tokens-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    reopen();
  }
  ~TokenAuthorityTest() override { std::filesystem::remove_all(folder_); }
  void reopen() {
    tokens_.reset();
    registry_.reset();
    registry_ = *security::open_sqlite_registry({folder_ + "/registry.db"});
    tokens_ = *TokenAuthority::load(*registry_, clock_);
  }

  std::string folder_;
  ManualClock clock_{kStart};
  std::unique_ptr<security::Registry> registry_;
  std::unique_ptr<TokenAuthority> tokens_;
};

TEST_F(TokenAuthorityTest, KnowsATokenAgainAfterARestart) {
  EXPECT_TRUE(tokens_->empty());
  const auto made = tokens_->create("first start", "anna", Role::operator_, {}, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->secret.size(), kTokenPrefix.size() + 2 * kTokenSecretBytes);
  reopen();
  EXPECT_FALSE(tokens_->empty());
  const auto caller = tokens_->check(made->secret);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->name, "anna");
  EXPECT_EQ(caller->role, Role::operator_);
  EXPECT_EQ(registry_->audit(0, 1)->front().action, "token.create");
}

TEST_F(TokenAuthorityTest, RefusesEverythingElse) {
  const auto made = tokens_->create("x", "anna", Role::reader, {}, {});
  for (std::string wrong : {std::string(), made->secret + "0", made->secret.substr(1),
                            std::string(1 << 16, 'a'), std::string("anna")})
    EXPECT_TRUE(tokens_->check(wrong).error().is(kTokenUnknown));
}

TEST_F(TokenAuthorityTest, EndsATokenWhenItsTimeIsOver) {
  const auto made = tokens_->create("x", "anna", Role::reader, {}, kStart / 1000 + 10);
  clock_.advance_ms(9'999);
  EXPECT_TRUE(tokens_->check(made->secret));
  clock_.advance_ms(1);
  EXPECT_FALSE(tokens_->check(made->secret));
}

TEST_F(TokenAuthorityTest, ForgetsARemovedTokenAtOnce) {
  const auto made = tokens_->create("x", "anna", Role::reader, {}, {});
  EXPECT_TRUE(tokens_->create("x", "anna", Role::reader, {}, {}).error().is(kTokenNameTaken));
  ASSERT_TRUE(tokens_->remove("x", "anna"));
  EXPECT_FALSE(tokens_->check(made->secret));
  EXPECT_TRUE(tokens_->remove("x", "anna").error().is(security::kNotFound));
}

TEST_F(TokenAuthorityTest, KeepsNoSecretOnDisk) {
  const auto made = tokens_->create("x", "anna", Role::reader, {}, {});
  tokens_.reset();
  registry_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    std::string bytes(std::filesystem::file_size(file), '\0');
    FILE* const in = fopen(file.path().c_str(), "rb");
    ASSERT_EQ(fread(bytes.data(), 1, bytes.size(), in), bytes.size());
    fclose(in);
    EXPECT_THAT(bytes, ::testing::Not(::testing::HasSubstr(made->secret.substr(7)))) << file;
  }
}

TEST(TokenNames, AreLimited) {
  EXPECT_TRUE(is_token_name(std::string(kTokenNameMax, 'a')));
  EXPECT_FALSE(is_token_name(std::string(kTokenNameMax + 1, 'a')));
  for (const char* wrong : {"", "a b", "a/b", "ä", "a%"}) EXPECT_FALSE(is_token_name(wrong));
  EXPECT_EQ(parse_role("factory"), Role::factory);
  EXPECT_EQ(parse_role("Admin"), std::nullopt);
}

TEST(FailureLimiter, LimitsFailuresOfOneAddress) {
  ManualClock clock(kStart);
  FailureLimiter limiter(clock);
  for (std::size_t i = 0; i < kFailuresMax; ++i) EXPECT_TRUE(limiter.note_failure("a"));
  EXPECT_FALSE(limiter.note_failure("a"));
  EXPECT_TRUE(limiter.note_failure("b"));
  clock.advance_ms(kFailureWindowMs);
  EXPECT_TRUE(limiter.note_failure("a"));
}

TEST(FailureLimiter, IsBoundedInMemory) {
  ManualClock clock(kStart);
  FailureLimiter limiter(clock);
  for (std::size_t i = 0; i < kFailureAddressesMax; ++i)
    EXPECT_TRUE(limiter.note_failure(std::to_string(i)));
  EXPECT_FALSE(limiter.note_failure("one more"));
  clock.advance_ms(kFailureWindowMs);
  EXPECT_TRUE(limiter.note_failure("one more"));
}

}  // namespace
}  // namespace pavise::server
