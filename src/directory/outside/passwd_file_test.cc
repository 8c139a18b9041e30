#include "directory/outside/passwd_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "directory/outside/crypt_hash.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

struct Hashes : World {
  PasswordHasher argon2{cheap_options().passwords, random};
  Result<bool> verify(std::string_view stored, std::string_view password,
                      std::string_view scheme = "CRYPT") {
    return verify_stored({.stored = stored, .default_scheme = scheme}, password, argon2);
  }
};

TEST(StoredPasswords, EveryUsualScheme) {
  Hashes h;
  const std::string argon2 = h.argon2.hash("secret").value();
  // Made with crypt(3), OpenSSL and Python's hashlib.
  for (const std::string& stored :
       {std::string("{PLAIN}secret"), std::string("{cleartext}secret"), "{ARGON2ID}" + argon2,
        argon2, std::string("{PLAIN.B64}c2VjcmV0"), std::string("{PLAIN.HEX}736563726574"),
        std::string("{MD5-CRYPT}$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"),
        std::string(
            "{SHA512-CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5k"
            "nV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"),
        std::string("$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"),
        std::string("{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"),
        std::string("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        std::string("{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"),
        std::string("{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols="),
        std::string("{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69"),
        std::string("{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==")}) {
    const auto right = h.verify(stored, "secret");
    ASSERT_TRUE(right) << stored << ": " << right.error().detail;
    EXPECT_TRUE(*right) << stored;
    EXPECT_FALSE(h.verify(stored, "Secret").value()) << stored;
    EXPECT_FALSE(h.verify(stored, "").value()) << stored;
  }
}

TEST(StoredPasswords, WhatCannotBeIsNobodysPassword) {
  Hashes h;
  for (const auto* locked : {"", "!", "*", "{CRYPT}!$6$x", "{PLAIN}"}) {
    EXPECT_FALSE(h.verify(locked, "").value()) << locked;
    EXPECT_FALSE(h.verify(locked, "!").value()) << locked;
  }
  for (const auto* bad : {"{UNKNOWN}x", "{SSHA}x", "{SHA}AAAA", "{CRYPT}x", "$9$abc$def",
                          "{PLAIN.HEX}7", "{PLAIN.HEX}zz"}) {
    EXPECT_EQ(code_of(h.verify(bad, "secret")), Code::corrupt) << bad;
  }
}

TEST(PasswdLines, FieldsThatAreNotOursDoNoHarm) {
  EXPECT_EQ(parse_passwd_line("bob:{PLAIN}x").value(), (PasswdLine{"bob", "{PLAIN}x", ""}));
  EXPECT_EQ(parse_passwd_line("bob@x:h:1000:1000:Bob B,room 5:/home:/bin/sh:userdb_quota=1\r"),
            (PasswdLine{"bob@x", "h", "Bob B"}));
  EXPECT_EQ(parse_passwd_line("bob").value(), (PasswdLine{"bob", "", ""}));
  for (const auto* nothing : {"", "#bob:x", ":x", "\r"}) {
    EXPECT_FALSE(parse_passwd_line(nothing)) << nothing;
  }
}

struct FileWorld : Hashes {
  std::string path = ::testing::TempDir() + "passwd-" + std::to_string(::getpid());
  PasswdFileSource source{{.path = path, .names = directory->names()}, argon2};
  ~FileWorld() { ::unlink(path.c_str()); }
  void write(const std::string& text) {
    ::unlink(path.c_str());
    std::ofstream(path) << text;
  }
  std::vector<Entry> find(std::string_view name) {
    Query query;
    query.name = parse_spelling(name, directory->names()).value();
    return source.find(query).value();
  }
};

TEST(PasswdFile, FindsChecksAndReadsAgain) {
  FileWorld w;
  Query query;
  query.name = parse_spelling("bob", w.directory->names()).value();
  EXPECT_EQ(code_of(w.source.find(query)), Code::unavailable);
  w.write("# users\nbob:{PLAIN}secret\nanna@other.example:{PLAIN}a:1:1:Anna\nbad name:x\n");
  const auto bob = w.find("bob@example.org");
  ASSERT_EQ(bob.size(), 1U);
  EXPECT_EQ(bob[0].login_name, "bob@example.org");
  EXPECT_EQ(w.find("BOB"), bob);
  EXPECT_EQ(w.find("anna@other.example").at(0).display_name, "Anna");
  EXPECT_TRUE(w.source.check_password(bob[0], "secret"));
  EXPECT_EQ(code_of(w.source.check_password(bob[0], "x")), Code::auth_failed);
  w.write("bob:{PLAIN}other password\n");
  EXPECT_EQ(code_of(w.source.check_password(bob[0], "secret")), Code::auth_failed);
  EXPECT_TRUE(w.source.check_password(w.find("bob").at(0), "other password"));
  EXPECT_NE(w.find("bob").at(0).stamp, bob[0].stamp);
  w.write("bob:{NONSENSE}x\n");
  EXPECT_EQ(code_of(w.source.check_password(bob[0], "x")), Code::auth_failed);
}

}  // namespace
}  // namespace eilpost::directory
