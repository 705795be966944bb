/* The version a program finds at run time, against the one it was built for. */
#include "runtime/inn.h"

#include "config.h"

const char *inn_version(void)
{
    return PACKAGE_VERSION;
}
