#include "cloud/server/bootstrap/options.h"

#include <CLI/CLI.hpp>

#include "cloud/server/routes/version.h"

namespace pavise::server {
namespace {

constexpr const char* kExamples = R"(Examples:
  pavise-server --state /var/lib/pavise --spawn-signer /usr/bin/pavise-signer \
      --listen 0.0.0.0 --host-name iot.example.com
  pavise-server --state ./state --spawn-signer ./pavise-signer --san 10.0.2.2

The first start prints the administrator's token once. The files service-ca.pem (trust anchor for
tools and devices) and ports.json (ports in use, written when the server is ready) are in the state
directory. SIGTERM and SIGINT stop the server in order.)";

}  // namespace

Result<ServerNames> ServerOptions::names() const {
  std::vector<std::string> texts = {host_name};
  texts.insert(texts.end(), more_names.begin(), more_names.end());
  texts.insert(texts.end(), {"localhost", "127.0.0.1"});
  return parse_names(texts);
}

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  ServerOptions options;
  CLI::App app("Pavise server: attestation, certificates, device hub and management API",
               "pavise-server");
  app.set_version_flag("--version", std::string("pavise-server ") + std::string(kVersion));
  app.footer(kExamples);
  app.add_option("--state", options.state_directory, "Directory of everything that is kept")
      ->required();
  app.add_option("--listen", options.listen, "Address of all listeners")->capture_default_str();
  app.add_option("--management-port", options.management_port,
                 "Management API (HTTPS); 0: any free port")
      ->capture_default_str();
  app.add_option("--device-port", options.device_port, "Device listener (HTTPS)")
      ->capture_default_str();
  app.add_option("--hub-port", options.hub_port, "Device hub (MQTT over TLS)")
      ->capture_default_str();
  app.add_option("--hub-amqp-port", options.hub_amqp_port,
                 "Hubs over AMQP 1.0 (official clients know only 5671; default: not served)");
  app.add_option(
      "--hub-https-port", options.hub_https_port,
      "Hubs over HTTPS and WebSockets (official clients know only 443; default: not served)");
  app.add_option("--host-name", options.host_name, "Name under which devices reach this server")
      ->capture_default_str();
  app.add_option("--san", options.more_names,
                 "Further DNS name or IP address for the server's certificate (repeatable); "
                 "'*.hub.example' stands for the names of all hubs");
  app.add_option("--signer-socket", options.signer_socket,
                 "Socket of pavise-signer (default: signer.sock in the state directory)");
  app.add_option("--spawn-signer", options.spawn_signer,
                 "Run this pavise-signer as a child, with its keys in signer/ of the state "
                 "directory, and restart it when it ends");
  app.add_flag("--new-admin-token", options.new_admin_token,
               "Make and show one more administrator's token at this start");
  app.add_flag(
      "--message-routing", options.message_routing,
      "Let administrators name endpoints (webhooks, NATS, Kafka) that messages of hubs are "
      "brought to; without it the server connects to nobody");
  auto* const store = app.add_option(
      "--file-store-url", options.file_store_url,
      "Keep the bytes of uploaded files in an S3-compatible store: https://HOST[:PORT] (http:// on "
      "this machine only)");
  auto* const bucket = app.add_option("--file-store-bucket", options.file_store_bucket,
                                      "Its bucket, which has to be there");
  auto* const keys =
      app.add_option("--file-store-keys", options.file_store_keys,
                     "File of mode 0600 with aws_access_key_id and aws_secret_access_key");
  store->needs(bucket)->needs(keys);
  bucket->needs(store);
  keys->needs(store);
  app.add_option("--file-store-region", options.file_store_region, "Its region")
      ->capture_default_str()
      ->needs(store);
  app.add_flag(
         "--file-store-virtual-host", options.file_store_virtual_host,
         "Name the bucket in the host (https://BUCKET.HOST), as Amazon wants it, instead of in "
         "the path")
      ->needs(store);
  app.add_option("--file-store-ca", options.file_store_ca,
                 "Certificate authorities of the store, PEM (default: the system's)")
      ->needs(store);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? 0 : 2};
  }
  if (options.signer_socket.empty())
    options.signer_socket = options.state_directory + "/signer.sock";
  return {std::move(options), 0};
}

}  // namespace pavise::server
