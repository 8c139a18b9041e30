#include "client/message/fingerprint.h"

#include <gtest/gtest.h>

#include <set>

namespace eilpost::client {
namespace {

const std::string message =
    "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\n"
    "From: \"Anna B\" <anna@example.org>\r\n"
    "To: bob@example.org\r\n"
    "Subject: a rather long subject that\r\n"
    " is folded\r\n"
    "Message-ID: <1@example.org>\r\n"
    "\r\n"
    "Hello\r\n"
    "From here on\r\n"
    "\r\n"
    "the end\r\n";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

TEST(Fingerprint, ServersAndGatewaysDoNotCount) {
  const Fingerprint whole = fingerprint_of(message);
  EXPECT_EQ(whole, fingerprint_of("Return-Path: <a@b>\r\nReceived: by x\r\n" + message));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "\r\n", "\n")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, " that\r\n is", " that is")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "+0000", "GMT")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "\"Anna B\"", "=?utf-8?q?Anna_B?=")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "a rather", "=?utf-8?q?a?= rather")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "Message-ID: <1@example.org>\r\n", "")));
  EXPECT_EQ(whole, fingerprint_of(replaced(message, "\r\nFrom here", "\r\n>From here")));
  EXPECT_EQ(whole, fingerprint_of(message + "\r\n\r\n"));
  EXPECT_EQ(whole, fingerprint_of(message.substr(0, message.size() - 2)));
}

TEST(Fingerprint, WhatWasWrittenCounts) {
  std::set<Fingerprint> all = {fingerprint_of(message)};
  all.insert(fingerprint_of(replaced(message, "Hello", "Hallo")));
  all.insert(fingerprint_of(replaced(message, "\r\n\r\nthe end", "\r\nthe end")));
  all.insert(fingerprint_of(replaced(message, "the end", " the end")));
  all.insert(fingerprint_of(replaced(message, "15:04:05", "15:04:06")));
  all.insert(fingerprint_of(replaced(message, "bob@", "rob@")));
  all.insert(fingerprint_of(replaced(message, "long", "short")));
  all.insert(fingerprint_of(replaced(message, "\r\nFrom here", "\r\n>from here")));
  all.insert(fingerprint_of(""));
  EXPECT_EQ(all.size(), 9u);
  EXPECT_EQ(fingerprint_of("").text().size(), 32u);
}

TEST(Fingerprint, PiecesDoNotMatter) {
  const std::string text =
      replaced(message, "From here", ">>From here") + "\r\n>\r\n>Fro\r\r\n\n\r";
  for (size_t piece = 1; piece < 70; ++piece) {
    Fingerprinter printer;
    for (size_t at = 0; at < text.size(); at += piece) printer.add(text.substr(at, piece));
    EXPECT_EQ(printer.finish(), fingerprint_of(text)) << piece;
  }
}

TEST(Fingerprint, HeaderKeyNeedsAnIdOrADate) {
  EXPECT_EQ(header_key("Subject: a\r\nFrom: b@c\r\n\r\n"), "");
  EXPECT_EQ(header_key(message), header_key(replaced(message, "\r\n", "\n")));
  EXPECT_NE(header_key(message), header_key(replaced(message, "<1@", "<2@")));
  EXPECT_NE(header_key(message), "");
}

}  // namespace
}  // namespace eilpost::client
