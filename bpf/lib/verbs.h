// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The verbs of SMTP and its extensions: what a command may begin with.
#pragma once

#include "bpf/lib/flow_state.h"

BS_INLINE int bs_is_verb(__u32 word) {
  return word == BS_WORD('m', 'a', 'i', 'l') || word == BS_WORD('r', 'c', 'p', 't') ||
         word == BS_WORD('d', 'a', 't', 'a') || word == BS_WORD('b', 'd', 'a', 't') ||
         word == BS_WORD('r', 's', 'e', 't') || word == BS_WORD('q', 'u', 'i', 't') ||
         word == BS_WORD('n', 'o', 'o', 'p') || word == BS_WORD('e', 'h', 'l', 'o') ||
         word == BS_WORD('h', 'e', 'l', 'o') || word == BS_WORD('l', 'h', 'l', 'o') ||
         word == BS_WORD('v', 'r', 'f', 'y') || word == BS_WORD('e', 'x', 'p', 'n') ||
         word == BS_WORD('e', 't', 'r', 'n') || word == BS_WORD('h', 'e', 'l', 'p') ||
         word == BS_WORD('a', 'u', 't', 'h') || word == BS_WORD('s', 't', 'a', 'r') ||
         word == BS_WORD('x', 'c', 'l', 'i') || word == BS_WORD('x', 'f', 'o', 'r');
}

// Fewer than four bytes, typed by hand: letters will do for now.
BS_INLINE int bs_may_be_verb(const struct bs_window* window, __u32 at, __u32 length) {
  if (length >= 4) return bs_is_verb(bs_word(window, at));
  for (__u32 i = 0; i < 3; i++) {
    const __u8 letter = bs_byte(window, at + i) | 0x20;
    if (i < length && (letter < 'a' || letter > 'z')) return 0;
  }
  return 1;
}
