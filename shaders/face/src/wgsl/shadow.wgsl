// Depth of the bust seen from the key light.

@vertex
fn vs_shadow(v: VertexIn) -> @builtin(position) vec4f {
    return frame.light_from_world * vec4f(v.position.xyz, 1.0);
}
