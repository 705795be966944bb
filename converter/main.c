/* The program inn-convert. */
#include "converter/command.h"

int main(int argc, char **argv)
{
    return inn_cli_run("inn-convert", &inn_converter, argc, argv);
}
