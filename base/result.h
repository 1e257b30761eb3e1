// Result<T> is a value or the Error that stands in its place.
//
// Functions that can fail return it; exceptions of third-party code are caught
// once, in the adapter that made the call.

#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>

#include "base/error.h"

namespace dl {

template <class T>
using Result = boost::system::result<T, Error>;

// What Result::value() throws when there is none: a bug in the caller, which
// should have looked first.
[[noreturn]] BOOST_NORETURN inline void throw_exception_from_error(const Error& error,
                                                                   const boost::source_location&) {
  throw std::logic_error("value() of a failed Result: " + to_string(error));
}

}  // namespace dl

#define DL_CONCAT_INNER(a, b) a##b
#define DL_CONCAT(a, b) DL_CONCAT_INNER(a, b)

// Returns the error of `expr` from the enclosing function, if it has one.
#define DL_CHECK(expr)                                     \
  do {                                                     \
    if (auto dl_check_result = (expr); !dl_check_result) { \
      return std::move(dl_check_result).error();           \
    }                                                      \
  } while (false)

// DL_TRY(auto x, f()): x is the value of f(), or its error is returned.
#define DL_TRY(declaration, expr) DL_TRY_IMPL(DL_CONCAT(dl_try_, __COUNTER__), declaration, expr)
#define DL_TRY_IMPL(result, declaration, expr) \
  auto result = (expr);                        \
  if (!result) {                               \
    return std::move(result).error();          \
  }                                            \
  declaration = *std::move(result)
