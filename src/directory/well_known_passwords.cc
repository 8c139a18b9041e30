#include "directory/well_known_passwords.h"

#include <algorithm>
#include <array>
#include <string>

namespace eilpost::directory {
namespace {

// In lower case, in the order of their octets.
constexpr auto well_known = std::to_array<std::string_view>(
    {"000000",     "11111",     "111111",    "11111111",   "112233",     "121212",
     "123",        "123123",    "123321",    "1234",       "12345",      "123456",
     "1234561",    "1234567",   "12345678",  "123456789",  "1234567890", "123abc",
     "123qwe",     "1q2w3e",    "1q2w3e4r",  "1q2w3e4r5t", "1qaz2wsx",   "555555",
     "654321",     "666666",    "696969",    "777777",     "7777777",    "888888",
     "88888888",   "987654321", "a123456",   "aa123456",   "aa12345678", "abc123",
     "abcd1234",   "access",    "admin",     "admin123",   "admin@123",  "administrator",
     "arsenal",    "asdf",      "asdf1234",  "asdfgh",     "asdfghjkl",  "azerty",
     "bailey",     "baseball",  "batman",    "berlin",     "changeme",   "charlie",
     "computer",   "daniel",    "default",   "donald",     "dragon",     "flower",
     "football",   "freedom",   "fussball",  "geheim1",    "google",     "guest",
     "hallo",      "hallo123",  "hello",     "hello123",   "hockey",     "hoffnung",
     "hunter2",    "iloveyou",  "jennifer",  "jesus",      "jordan",     "killer",
     "lakers",     "letmein",   "login",     "love",       "lovely",     "maggie",
     "master",     "michael",   "monkey",    "mustang",    "mynoob",     "ninja",
     "nothing",    "oracle",    "p@ssw0rd",  "p@ssword",   "pass123",    "pass1234",
     "passw0rd",   "password",  "password!", "password1",  "password12", "password123",
     "passwort",   "passwort1", "princess",  "q1w2e3r4",   "qazwsx",     "qwer1234",
     "qwerty",     "qwerty1",   "qwerty123", "qwertyuiop", "ranger",     "root",
     "schatz",     "secret1",   "shadow",    "soccer",     "starwars",   "summer",
     "sunshine",   "superman",  "test",      "test123",    "test1234",   "thomas",
     "tigger",     "trustno1",  "unknown",   "user",       "welcome",    "welcome1",
     "welcome123", "whatever",  "winter",    "xxxxxx",     "zaq12wsx",   "zxcvbn",
     "zxcvbnm"});

constexpr bool is_ordered() {
  for (size_t i = 1; i < well_known.size(); ++i) {
    if (well_known[i - 1] >= well_known[i]) return false;
  }
  return true;
}
static_assert(is_ordered(), "the list is searched by halves");

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

bool is_well_known_password(std::string_view password, std::string_view name) {
  const std::string plain = lower(password);
  if (std::binary_search(well_known.begin(), well_known.end(), std::string_view(plain)))
    return true;
  const std::string whole = lower(name);
  return plain == whole || plain == whole.substr(0, whole.find('@'));
}

}  // namespace eilpost::directory
