/* The program inn-model. */
#include "models/command.h"

int main(int argc, char **argv)
{
    return inn_cli_run("inn-model", &inn_modeller, argc, argv);
}
