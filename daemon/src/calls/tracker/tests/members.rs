//! Queues, their members, and what agents are seen to do.

use super::*;

#[test]
fn an_unchanged_member_is_no_news() {
    let mut script = Script::new();
    let mut told = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        script.tracker.observe(ms(0), event(&words), &mut script.changes);
        std::mem::take(&mut script.changes)
    };
    let agent = || Change::Agent("1001".into());
    assert_eq!(told("member support PJSIP/1001 free"), [agent(), Change::Queues]);
    assert_eq!(told("member support PJSIP/1001 free"), []);
    assert_eq!(told("member support PJSIP/1001 lunch"), [agent(), Change::Queues]);
    assert_eq!(told("member support PJSIP/1001 meeting"), [agent()], "off duty all the same");
    assert_eq!(told("member sales PJSIP/1001 free"), [agent(), Change::Queues], "in another queue");
    assert_eq!(told("member support PJSIP/1001 offline"), [agent()]);
}

#[test]
fn a_member_behind_a_loop_that_is_optimised_away_is_one_talk() {
    let script = Script::played(
        "0    call C PJSIP/trunk 13800138000 4008001234
         500  queue C support
         500  leg L1 Local/1003@members of C
         500  leg L2 Local/1003@members of C
         500  loop L1 L2
         510  offer C L1 support Local/1003@members
         510  dial C L1
         520  leg A PJSIP/1003 of C
         520  dial L2 A
         2000 dialled A answered
         2000 in A B1
         2000 dialled L1 answered
         2000 leave C support
         2000 connect C L1 support Local/1003@members
         2000 in L1 B2
         2000 in L2 B1
         2000 in C B2
         2100 in A B2 for L1
         2100 out A B1
         2100 out L1 B2
         2100 out L2 B1
         2100 end L1
         2100 end L2
         8000 bye A
         8000 out A B2
         8000 out C B2
         8000 end A
         8000 end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), offers(call)), (vec!["1003"], vec![("1003", OfferOutcome::Answered)]));
    assert_eq!(
        (call.segments[0].queue.as_ref().map(QueueName::as_str), call.segments[0].from),
        (Some("support"), ms(2000))
    );
    assert_eq!(call.segments[0].to, Some(ms(8000)));
}

#[test]
fn queues_and_agents_show_what_goes_on() {
    let mut script = Script::played(
        "0 member support PJSIP/1001 free
         0 member support PJSIP/1002 lunch
         0 member support PJSIP/1003 offline",
    );
    let support = |script: &Script| script.tracker.queues_now(script.at).remove(0);
    assert_eq!((support(&script).on_duty, support(&script).free), (1, 1));
    assert_eq!(script.agent("1002"), AgentState::Paused { reason: "lunch".into() });
    assert_eq!(script.agent("1003"), AgentState::Offline);
    let mut lines = TALKING.lines();
    let waiting: Vec<&str> = lines.by_ref().take(6).collect();
    script.play(&waiting.join("\n"));
    assert_eq!(support(&script).waiting.len(), 1);
    assert_eq!((support(&script).waiting[0].since, script.agent("1001")), (ms(500), AgentState::Ringing));
    script.play(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!((support(&script).waiting.len(), support(&script).free), (0, 0));
    assert_eq!(script.agent("1001"), AgentState::Talking);
    script.play("3000 hold A");
    assert_eq!(script.agent("1001"), AgentState::OnHold);
    script.play("4000 resume A \n 5000 bye C \n 5000 out C B1 \n 5000 end C \n 5000 end A");
    assert_eq!(script.agent("1001"), AgentState::Available);
}
