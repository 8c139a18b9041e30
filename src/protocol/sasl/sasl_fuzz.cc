// Every message's law, parse(print(x)) == x and print(parse(text)) == text where the grammar has
// one spelling only; and servers and clients that are fed nonsense.
#include "base/check.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/client.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/server.h"
#include "tests/fuzz.h"

namespace eilpost::sasl {
namespace {

// Plays the data's lines against a server; the directory answers with a verifier of few iterations.
void play_server(Mechanism mechanism, std::string_view data) {
  Random random(1);
  Server server(mechanism,
                {.bindings = {{BindingType::tls_exporter, "octets"}}, .plus_offered = false},
                random);
  const auto next_line = [&] {
    const auto line = data.substr(0, data.find('\n'));
    data.remove_prefix(std::min(line.size() + 1, data.size()));
    return std::string(line);
  };
  Step step = server.start(next_line());
  for (int turns = 0; turns < 4; ++turns) {
    if (const auto* need = std::get_if<NeedLookup>(&step)) {
      if (std::holds_alternative<CheckPassword>(need->lookup)) {
        step = server.resume(Result<>(fail(Code::auth_failed, "no")));
      } else {
        step = server.resume(Result<ScramVerifier>(fake_verifier("s", "n", 4096)));
      }
    } else if (std::holds_alternative<Challenge>(step)) {
      step = server.step(next_line());
    }
    // No password was ever right and no proof can fit.
    CHECK(!std::holds_alternative<Success>(step));
  }
}

}  // namespace

FUZZ_TARGET(sasl_base64) {
  const auto decoded = base64_decode(data);
  if (decoded) CHECK(base64_encode(*decoded) == data);
  if (data.size() <= message_octets_max) CHECK(base64_decode(base64_encode(data)) == data);
}

FUZZ_TARGET(sasl_plain) {
  const auto message = parse_plain(data);
  if (message) CHECK(print_plain(*message) == data);
  play_server(Mechanism::plain, data);
}

FUZZ_TARGET(sasl_login) {
  play_server(Mechanism::login, data);
}

FUZZ_TARGET(sasl_scram) {
  if (const auto m = parse_client_first(data)) CHECK(print_client_first(*m) == data);
  if (const auto m = parse_server_first(data)) CHECK(print_server_first(*m) == data);
  if (const auto m = parse_client_final(data)) CHECK(print_client_final(*m) == data);
  if (const auto m = parse_server_final(data)) CHECK(print_server_final(*m) == data);
  play_server(Mechanism::scram_sha_256, data);
  play_server(Mechanism::scram_sha_256_plus, data);
}

FUZZ_TARGET(sasl_prep) {
  const auto once = saslprep(data, PrepFor::storage);
  // What is stored must be found again by whoever types it.
  if (once) CHECK(saslprep(data, PrepFor::query) == *once);
  const auto folded = fold_case(data);
  if (folded && folded->size() <= 4096) CHECK(fold_case(*folded) == *folded);
  (void)domain_to_ascii(data);
}

}  // namespace eilpost::sasl
