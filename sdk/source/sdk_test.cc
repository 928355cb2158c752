// Log, storage, network, health and what the environment says, outside of a device.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <pavise/pavise.hpp>
#include <string>

#include "sdk/source/testing/placed.h"

namespace {

namespace fs = std::filesystem;

std::string logged(const std::function<void()>& act) {
  testing::internal::CaptureStderr();
  act();
  return testing::internal::GetCapturedStderr();
}

TEST(SdkLog, IsOneLineWithItsLevel) {
  EXPECT_EQ(logged([] { pavise_log(PAVISE_LOG_ERROR, "%d of %s", 7, "9"); }), "error: 7 of 9\n");
  EXPECT_EQ(logged([] { pavise_log(PAVISE_LOG_INFO, "%s", "a\nb\rc\x1b[2Jd\x7f"); }),
            "info: a b c [2Jd \n");
  EXPECT_EQ(logged([] { pavise_log(PAVISE_LOG_WARNING, "%s", ""); }), "warning: \n");
}

TEST(SdkLog, LinesHaveALimit) {
  const std::string head = "info: ";
  const std::string fits(PAVISE_LOG_BYTES_MAX - head.size() - 1, 'x');
  EXPECT_EQ(logged([&] { pavise_log(PAVISE_LOG_INFO, "%s", fits.c_str()); }), head + fits + "\n");
  EXPECT_EQ(logged([&] { pavise_log(PAVISE_LOG_INFO, "%sy", fits.c_str()); }), head + fits + "\n");
}

TEST(SdkLog, LevelsAboveAreLeftOut) {
  EXPECT_EQ(logged([] { pavise_log(PAVISE_LOG_DEBUG, "no"); }), "");
  pavise_log_set_level(PAVISE_LOG_DEBUG);
  EXPECT_EQ(logged([] { pavise_log(PAVISE_LOG_DEBUG, "yes"); }), "debug: yes\n");
  pavise_log_set_level(PAVISE_LOG_INFO);
  errno = 77;
  logged([] { pavise_log(PAVISE_LOG_INFO, "text"); });
  EXPECT_EQ(errno, 77);
}

class SdkStorage : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pavise-sdk-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ::setenv("HOME", folder_.c_str(), 1);
    ::setenv("PAVISE_APP", "blink", 1);
  }
  void TearDown() override {
    ::unsetenv("PAVISE_APP");
    fs::remove_all(folder_);
  }
  static std::string read(const char* name) {
    std::array<char, 64> bytes{};
    const ssize_t size = pavise_storage_read(name, bytes.data(), bytes.size());
    return size < 0 ? std::to_string(size) : std::string(bytes.data(), static_cast<size_t>(size));
  }

  fs::path folder_;
};

TEST_F(SdkStorage, TheMutableFileStays) {
  {
    const pavise::Descriptor file(pavise_storage_open_mutable_file());
    ASSERT_TRUE(file) << file.get();
    ASSERT_EQ(::write(file.get(), "kept", 4), 4);
  }
  const pavise::Descriptor again(pavise_storage_open_mutable_file());
  std::array<char, 8> bytes{};
  EXPECT_EQ(::read(again.get(), bytes.data(), bytes.size()), 4);
  EXPECT_EQ(pavise_storage_delete_mutable_file(), 0);
  EXPECT_EQ(pavise_storage_delete_mutable_file(), -ENOENT);
}

TEST_F(SdkStorage, NamesAreOneWord) {
  const std::string longest(PAVISE_STORAGE_NAME_BYTES_MAX, 'n');
  EXPECT_EQ(pavise_storage_replace(longest.c_str(), "x", 1), 0);
  EXPECT_EQ(read(longest.c_str()), "x");
  for (const std::string& name :
       {longest + "n", std::string(), std::string(".hidden"), std::string(".."), std::string("a/b"),
        std::string("/etc/passwd")}) {
    EXPECT_EQ(pavise_storage_open(name.c_str(), O_RDONLY), -EINVAL) << name;
    EXPECT_EQ(pavise_storage_replace(name.c_str(), "x", 1), -EINVAL) << name;
    EXPECT_EQ(pavise_storage_delete(name.c_str()), -EINVAL) << name;
  }
  EXPECT_EQ(pavise_storage_open(nullptr, O_RDONLY), -EINVAL);
  EXPECT_EQ(pavise_storage_open("absent", O_RDONLY), -ENOENT);
}

TEST_F(SdkStorage, ReadTakesAllOrNothing) {
  ASSERT_EQ(pavise_storage_replace("file", "12345", 5), 0);
  std::array<char, 5> bytes{};
  EXPECT_EQ(pavise_storage_read("file", bytes.data(), 5), 5);
  EXPECT_EQ(pavise_storage_read("file", bytes.data(), 4), -EFBIG);
  ASSERT_EQ(pavise_storage_replace("file", nullptr, 0), 0);
  EXPECT_EQ(pavise_storage_read("file", bytes.data(), 0), 0);
}

// What a full quota does, by the limit of a file's size: the old content stays, nothing is left.
TEST_F(SdkStorage, WhatCannotBeWrittenLeavesTheOld) {
  ASSERT_EQ(pavise_storage_replace("file", "old", 3), 0);
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{.rlim_cur = 8, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const int outcome = pavise_storage_replace("file", "much longer", 11);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ::signal(SIGXFSZ, before);
  EXPECT_EQ(outcome, -EFBIG);
  EXPECT_EQ(read("file"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(SdkStorage, APersonsHomeIsNotTouched) {
  ::unsetenv("PAVISE_APP");
  EXPECT_EQ(pavise_storage_open_mutable_file(), -EROFS);
  EXPECT_EQ(pavise_storage_replace("file", "x", 1), -EROFS);
}

std::uint16_t port_of(int descriptor) {
  sockaddr_in6 at{};
  socklen_t size = sizeof at;
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size), 0);
  return ntohs(at.sin6_port);  // at the same place for IPv4
}

TEST(SdkNetwork, ConnectsToWhoListens) {
  const pavise::Descriptor listener(pavise_network_listen(0, 4));
  ASSERT_TRUE(listener) << listener.get();
  const std::uint16_t port = port_of(listener.get());
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const pavise::Descriptor there(pavise_network_connect(host, port, 30'000));
    ASSERT_TRUE(there) << host << ' ' << there.get();
    pollfd polled{listener.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, 60'000), 1);
    const pavise::Descriptor here(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(here);
    ASSERT_EQ(::write(here.get(), "hi", 2), 2);
    polled.fd = there.get();
    ASSERT_EQ(::poll(&polled, 1, 60'000), 1);
    std::array<char, 4> bytes{};
    EXPECT_EQ(::read(there.get(), bytes.data(), bytes.size()), 2);
    EXPECT_EQ(::read(there.get(), bytes.data(), bytes.size()), -1);  // it does not block
    EXPECT_EQ(errno, EAGAIN);
  }
}

TEST(SdkNetwork, TellsWhyNot) {
  const pavise::Descriptor listener(pavise_network_listen(0, 4));
  const std::uint16_t port = port_of(listener.get());
  EXPECT_EQ(pavise_network_listen(port, 4), -EADDRINUSE);
  const std::uint16_t unused = [] {
    return port_of(pavise::Descriptor(pavise_network_listen(0, 1)).get());
  }();
  EXPECT_EQ(pavise_network_connect("127.0.0.1", unused, 30'000), -ECONNREFUSED);
  EXPECT_EQ(pavise_network_connect("", port, 1000), -EINVAL);
  EXPECT_EQ(pavise_network_connect("127.0.0.1", 0, 1000), -EINVAL);
  EXPECT_EQ(pavise_network_connect("127.0.0.1", port, 0), -EINVAL);
  EXPECT_EQ(pavise_network_connect("no such name", port, 1000), -ENOENT);
}

// A listener whose queue is full answers nobody.
TEST(SdkNetwork, GivesUpInTime) {
  const pavise::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(listener);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const std::uint16_t port = port_of(listener.get());
  const pavise::Descriptor first(pavise_network_connect("127.0.0.1", port, 30'000));
  ASSERT_TRUE(first);
  EXPECT_EQ(pavise_network_connect("127.0.0.1", port, 20), -ETIMEDOUT);
}

TEST(SdkHealth, WithoutLauncherThereIsNobodyToTell) {
  EXPECT_EQ(pavise_health_well(), -ENOTCONN);
}

TEST(SdkHealth, SaysItOnDescriptorThree) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  pavise::Descriptor launcher(ends[0]);
  const sdk_testing::Placed placed(3, pavise::Descriptor(ends[1]));
  ::setenv("PAVISE_APP", "blink", 1);
  EXPECT_EQ(pavise_health_well(), 0);
  std::array<char, 4> packet{};
  EXPECT_EQ(::recv(launcher.get(), packet.data(), packet.size(), 0), 1);
  EXPECT_EQ(packet[0], 1);
  for (int i = 0; i < 10'000; ++i)
    ASSERT_EQ(pavise_health_well(), 0);  // it does not read: no matter
  launcher = pavise::Descriptor();
  EXPECT_EQ(pavise_health_well(), -ENOTCONN);
  ::unsetenv("PAVISE_APP");
}

TEST(SdkApplication, TellsWhatTheEnvironmentSays) {
  EXPECT_STREQ(pavise_app_name(), "");
  ::setenv("PAVISE_APP", "blink", 1);
  ::setenv("PAVISE_COMPONENT_ID", "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01", 1);
  ::setenv("PAVISE_VERSION", "1.2.3", 1);
  EXPECT_STREQ(pavise_app_name(), "blink");
  EXPECT_STREQ(pavise_app_component_id(), "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01");
  EXPECT_STREQ(pavise_app_version(), "1.2.3");
  for (const char* name : {"PAVISE_APP", "PAVISE_COMPONENT_ID", "PAVISE_VERSION"}) ::unsetenv(name);
}

}  // namespace
