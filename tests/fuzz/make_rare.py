#!/usr/bin/env python3
"""make_rare: seeds of what ONNX allows and hardly anybody writes.

usage: tests/fuzz/make_rare.py
"""
import numpy as np
from onnx import AttributeProto as A, SparseTensorProto, TensorProto as T, \
    helper as h

from advisories import field
from make_seeds import N, info, model, save, weight

X, Y = info("x", ["N", 3, 8, 8]), info("y", None)


def attribute(name, kind=None, **fields):
    a = A(name=name)
    if kind is not None:
        a.type = kind
    for key, value in fields.items():
        if isinstance(value, (list, tuple)):
            getattr(a, key).extend(value)
        elif hasattr(value, "SerializeToString"):
            getattr(a, key).CopyFrom(value)
        else:
            setattr(a, key, value)
    return a


def graph(name="inner", **more):
    g = h.make_graph([N("Neg", ["x"], [name + "_y"])], name, [],
                     [info(name + "_y", None)], **more)
    return g


def outside(name, *dims, kind=T.FLOAT):
    t = T(name=name, data_type=kind, data_location=T.EXTERNAL)
    t.dims.extend(dims)
    for key, value in (("location", "w.bin"), ("offset", "0"),
                       ("length", "16")):
        t.external_data.add(key=key, value=value)
    return t


def sparse(values, indices=None):
    s = SparseTensorProto()
    s.values.CopyFrom(values)
    s.indices.CopyFrom(indices or T(name="", data_type=T.INT64, dims=[4],
                                    int64_data=[0, 1, 2, 3]))
    s.dims.extend([8])
    return s


def one(name, *attributes, folder="onnx", functions=(), op="Own"):
    n = N(op, ["x"], ["y"], domain="own")
    n.attribute.extend(attributes)
    m = model([n], [], [X], [Y], domains=["own"])
    m.functions.extend(functions)
    save(folder, name + ".onnx", m.SerializeToString())


def main():
    t = weight("t", 2)
    one("attributes-untyped", attribute("f", f=1.0), attribute("i", i=2),
        attribute("s", s=b"x"), attribute("t", t=t),
        attribute("floats", floats=[1.0, 2.0]), attribute("ints", ints=[1]),
        attribute("strings", strings=[b"a", b"b"]), attribute("g", g=graph()))
    one("attributes-typed", attribute("z", A.STRINGS, strings=[b"a\0b"]),
        attribute("ts", A.TENSORS, tensors=[t, t]),
        attribute("sp", A.SPARSE_TENSOR, sparse_tensor=sparse(weight("v", 4))),
        attribute("sps", A.SPARSE_TENSORS,
                  sparse_tensors=[sparse(weight("v", 4))]),
        attribute("gs", A.GRAPHS, graphs=[graph("a"), graph("b")]),
        attribute("none", A.STRINGS))
    one("attribute-of-nothing", attribute("a"))
    one("attribute-without-name", attribute("", A.INT, i=1))
    one("attribute-without-graph", attribute("a", A.GRAPH))
    one("attribute-without-tensor", attribute("a", A.TENSOR))
    one("reference-outside", A(name="a", type=A.INT, ref_attr_name="b"))

    inner = graph(initializer=[outside("iw", 4)])
    inner.sparse_initializer.append(sparse(outside("sv", 4)))
    inner.node[0].attribute.append(attribute("t", A.TENSOR, t=outside("t", 4)))
    inner.input.append(info("given", [1]))
    one("subgraph", attribute("g", A.GRAPH, g=inner),
        attribute("c", A.TENSOR, t=outside("c", 2, kind=T.COMPLEX64)),
        attribute("ts", A.TENSORS, tensors=[outside("u", 4)]),
        attribute("sps", A.SPARSE_TENSORS,
                  sparse_tensors=[sparse(outside("v", 4))]),
        folder="external")
    lost = outside("lost", 4)
    lost.external_data[0].value = "../w.bin"
    for name, g in (("values", graph(initializer=[lost])),
                    ("sparse", graph())):
        if name == "sparse":
            g.sparse_initializer.append(sparse(lost))
        one("subgraph-" + name, attribute("g", A.GRAPH, g=g),
            folder="external")

    def function(nodes, attributes=(), protos=()):
        f = h.make_function("own", "F", ["x"], ["y"], nodes,
                            [h.make_opsetid("", 17),
                             h.make_opsetid("own", 1)], list(attributes))
        # attribute_proto is newer than some onnx that this runs with.
        f.MergeFromString(b"".join(field(11, a.SerializeToString())
                                   for a in protos))
        return f

    body = h.make_graph(
        [N("Add", ["x", "k"], ["m"]), N("Mul", ["m", "given"], ["o"])],
        "body", [info("given", [1])], [info("o", None)],
        [weight("k", 1)], value_info=[info("m", None)])
    body.sparse_initializer.append(sparse(weight("sk", 4)))
    call = N("Own", ["x"], ["y"], domain="own")
    call.attribute.append(attribute("g", A.GRAPH, g=body))
    call.attribute.append(attribute("gs", A.GRAPHS, graphs=[body]))
    one("function-with-graphs", op="F", functions=[function([call])])

    def refers(kind, name="v"):
        n = N("Own", ["x"], ["y"], domain="own")
        n.attribute.append(A(name="a", type=kind, ref_attr_name=name))
        return n
    one("function-reference-default", op="F", functions=[function(
        [refers(A.INT)], [], [A(name="v", type=A.INT, i=5)])])
    one("function-reference-omitted", op="F",
        functions=[function([refers(A.INT)], ["v"])])
    one("function-reference-twice", op="F", functions=[function(
        [refers(A.INT)], [], [A(name="v", type=A.INT, ref_attr_name="u")])])
    one("function-reference-graph", attribute("v", A.GRAPH, g=graph()),
        op="F", functions=[function([refers(A.GRAPH)], ["v"])])
    one("function-reference-type", attribute("v", A.FLOAT, f=1.0), op="F",
        functions=[function([refers(A.INT)], ["v"])])


if __name__ == "__main__":
    np.random.seed(1)
    main()
