#include "common/net/url.h"

#include <gtest/gtest.h>

namespace pavise::net {
namespace {

TEST(Url, ReadsHttpsUrls) {
  const struct {
    const char* text;
    const char* host;
    int port;
  } good[] = {{"https://localhost:8443", "localhost", 8443},
              {"https://hub.example", "hub.example", 443},
              {"https://127.0.0.1:1/", "127.0.0.1", 1},
              {"https://[::1]:8443", "::1", 8443},
              {"https://[::1]", "::1", 443}};
  for (const auto& row : good) {
    auto url = Url::parse(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(url->host, row.host);
    EXPECT_EQ(url->port, row.port);
  }
  for (const char* text : {"", "http://h", "https://", "https://:1", "https://h:", "https://h:0",
                           "https://h:65536", "https://h:8x", "https://h/path", "https://[::1",
                           "https://[::1]x", "https://u@h", "https://h:1:2", "h:8443"})
    EXPECT_FALSE(Url::parse(text)) << text;
}

}  // namespace
}  // namespace pavise::net
